// What was acknowledged survives `kill -9`, at whatever moment it comes.
import { appendFileSync, readFileSync } from 'node:fs'
import t from 'tap'
import { BlockEncoder } from '../../src/daemon/journal/encoder.ts'
import { formatToken, parseToken } from '../../src/session/token.ts'
import { DaemonProcess, openClient } from '../support/daemon.ts'
import { readJournalAlone } from '../support/journal-reader.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { Caller } from './caller.ts'

const LIMIT = 60
const CALLERS = 4
/** Four callers that want more than there is. */
const HOLD_EACH = 20
const GHOST_SLOT = 4000

/** Lets the callers work, and kills the daemon right at the n-th acknowledgement. */
async function killAt(daemon: DaemonProcess, callers: Caller[], acknowledgements: number): Promise<void> {
  let left = acknowledgements
  const onAcknowledged = () => {
    if (--left === 0) daemon.child.kill('SIGKILL')
  }
  await Promise.all(callers.map(caller => caller.work(onAcknowledged)))
  await daemon.exited
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

t.test('killed under load, again and again: nothing acknowledged is lost, nothing is revived', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 20_000, maxPerClient: 1000 } })
  await site.license({ maxSessions: LIMIT })
  const callers = Array.from({ length: CALLERS }, (_, index) => new Caller(`caller-${index}`, HOLD_EACH))
  let daemon = await DaemonProcess.start(t, site)
  for (const caller of callers) await caller.connect(t, site)
  // Once at the very first acknowledgement, then at ever later ones.
  for (const acknowledgements of [1, 37, 1001]) {
    await killAt(daemon, callers, acknowledgements)
    const held = sum(callers.map(caller => caller.held.size))
    const inFlight = sum(callers.map(caller => caller.inFlight))

    daemon = await DaemonProcess.start(t, site)
    const observer = await openClient(t, site.socket)
    const { inUse, orphaned } = await observer.call('status.get')
    t.ok(inUse >= held && inUse <= Math.min(LIMIT, held + inFlight), `${held} <= ${inUse}, ${inFlight} open`)
    t.equal(orphaned, inUse)
    for (const caller of callers) {
      const { resumable } = await caller.connect(t, site)
      t.ok(resumable >= caller.held.size)
    }
    for (const caller of callers) t.strictSame(await caller.recover(), { lost: [], revived: [] })
    const settled = await observer.call('status.get')
    t.match(settled, { inUse: sum(callers.map(caller => caller.held.size)), orphaned: 0, journal: 'ok' })
    await observer.cut()
  }
  t.ok(sum(callers.map(caller => caller.held.size)) > CALLERS, 'they hold sessions')
  t.ok(sum(callers.map(caller => caller.denied)) > 0, 'they met the limit')
})

t.test('when the holders do not come back after a crash, the count returns to 0', async t => {
  const site = new Site(t, { sessions: { resumeWindowMs: 500 } })
  await site.license({ maxSessions: LIMIT })
  const callers = [new Caller('one', 10), new Caller('two', 10)]
  const daemon = await DaemonProcess.start(t, site)
  for (const caller of callers) await caller.connect(t, site)
  await killAt(daemon, callers, 100)
  const held = sum(callers.map(caller => caller.held.size))

  await DaemonProcess.start(t, site)
  const observer = await openClient(t, site.socket)
  t.match(await observer.call('status.get'), { leaked: 0 })
  const after = await until('the count is 0', async () => {
    const status = await observer.call('status.get')
    return status.inUse === 0 ? status : null
  })
  t.ok(after.leaked >= held)
  t.equal(after.orphaned, 0)
})

t.test('the comparison sees a session that is lost', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: LIMIT })
  const caller = new Caller('only', HOLD_EACH)
  const daemon = await DaemonProcess.start(t, site)
  await caller.connect(t, site)
  await killAt(daemon, [caller], 100)
  const victim = [...caller.held.values()].at(0)!
  const ghost = caller.released.at(-1)!

  const { slot } = parseToken(victim)!
  const { sessions } = readJournalAlone(readFileSync(site.journalFile))
  const change = new BlockEncoder()
  change.removeSession(slot)
  // And one that was released comes back to life, in a slot of its own.
  const { nonceHigh, nonceLow } = parseToken(ghost)!
  const { client } = sessions.get(slot)!
  change.putSession(GHOST_SLOT, client, 'default', 'ghost', nonceHigh, nonceLow, 0)
  appendFileSync(site.journalFile, change.finish())
  const revived = formatToken(GHOST_SLOT, nonceHigh, nonceLow)
  caller.released.push(revived)

  await DaemonProcess.start(t, site)
  await caller.connect(t, site)
  t.strictSame(await caller.recover(), { lost: [victim], revived: [revived] })
})
