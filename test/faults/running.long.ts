// Trouble that comes while the daemon runs, on the program that ships: it goes on, and so does every call.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { DaemonProcess, openAs, openClient } from '../support/daemon.ts'
import { handshakeText, knock, RawClient } from '../support/raw-client.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const CONNECTIONS = 10_000
const OPENED_AT_ONCE = 50
const MAX_KIB_EACH = 40

t.test('the state database is overwritten: calls go on, and the next start sets it aside', async t => {
  const site = new Site(t)
  await site.license()
  const daemon = await DaemonProcess.start(t, site)
  const client = await openAs(t, site.socket, { clientId: 'a', clientSecret: '0123456789abcdef' })
  const tokens = await client.acquireAll(['a'])
  for (const suffix of ['', '-wal']) {
    const { length } = readFileSync(site.stateFile + suffix)
    writeFileSync(site.stateFile + suffix, Buffer.alloc(length, 0x55))
  }
  tokens.push(...(await client.acquireAll(['b'])))
  daemon.child.kill('SIGHUP')
  await daemon.logged('The configuration was reloaded.')
  tokens.push(...(await client.acquireAll(['c'])))
  await daemon.kill()
  const next = await DaemonProcess.start(t, site)
  await next.logged('was damaged and was set aside')
  const back = await openClient(t, site.socket)
  t.match(await back.call('session.resume', { tokens }), { resumed: 3, unknown: [] })
  t.match(await back.call('license.get'), { state: 'active', limit: 10 })
})

t.test(
  'a call process on the Unix socket that stands still keeps its sessions; a dead one does not',
  async t => {
    const site = new Site(t)
    site.config.bounds.pingIntervalMs = 100
    await site.license()
    await DaemonProcess.start(t, site)
    const observer = await openClient(t, site.socket)
    const script = new URL('../daemon/holder.ts', import.meta.url).pathname
    const { path } = site.config.listen.unix
    const holder = spawn(process.execPath, [script, path, 'holder', '3'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => holder.kill('SIGKILL'))
    await once(holder.stdout, 'data')
    holder.stdin.write('\n')
    await once(holder.stdout, 'data')
    holder.kill('SIGSTOP')
    const since = performance.now()
    await until('many pings would have been missed', () => performance.now() - since > 1000)
    t.match(await observer.call('status.get'), { inUse: 3, orphaned: 0 })
    holder.kill('SIGKILL')
    await until('they are free', async () => (await observer.call('status.get')).inUse === 0)
  },
)

t.test(
  'the journal is damaged while it is stopped: it starts, and counts no more than there was',
  async t => {
    const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31)
    t.comment(`Run this case again: FC_SEED=${seed}`)
    const random = seeded(seed)
    for (let round = 0; round < 6; round++) {
      const site = new Site(t)
      await site.license()
      const first = await DaemonProcess.start(t, site)
      const client = await openClient(t, site.socket)
      await client.acquireAll(['a', 'b', 'c', 'd'])
      await first.kill()
      const file = site.journalFile
      const bytes = readFileSync(file)
      for (let place = 0; place < 20; place++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      writeFileSync(file, bytes.subarray(0, round < 4 ? bytes.length : Math.floor(random() * bytes.length)))
      await DaemonProcess.start(t, site)
      const next = await openClient(t, site.socket)
      const { inUse } = await next.call('status.get')
      t.ok(inUse <= 4, `${inUse} of 4 were read`)
      const keys = Array.from({ length: 10 - inUse }, (_, index) => `new-${index}`)
      await next.acquireAll(keys)
      t.match(await next.call('session.acquire', { key: 'one-more' }), { granted: false, inUse: 10 })
    }
  },
)

t.test(`${CONNECTIONS} connections: the next one is refused, and calls go on`, async t => {
  const site = new Site(t)
  site.config.bounds.maxConnections = CONNECTIONS
  await site.license()
  const daemon = await DaemonProcess.start(t, site)
  const caller = await openClient(t, site.socket)
  await caller.acquireAll(['live'])
  const before = daemon.memoryKib('VmRSS')
  const open: RawClient[] = []
  t.teardown(() => open.map(client => client.socket.destroy()))
  while (open.length < CONNECTIONS - 1) {
    const count = Math.min(OPENED_AT_ONCE, CONNECTIONS - 1 - open.length)
    open.push(...(await Promise.all(Array.from({ length: count }, () => RawClient.open(site.socket)))))
  }
  const { status, body } = await knock(site.socket, handshakeText())
  t.equal(status, 503)
  t.equal(JSON.parse(body).code, 'too-many-connections')
  t.match(await caller.call('session.acquire', { key: 'next' }), { granted: true, inUse: 2 })
  t.match(await open.at(-1)!.call('status.get'), { connections: CONNECTIONS })
  const each = (daemon.memoryKib('VmRSS') - before) / CONNECTIONS
  t.ok(each < MAX_KIB_EACH, `${each.toFixed(1)} KiB for each connection`)
})

/** https://en.wikipedia.org/wiki/Linear_congruential_generator, with the figures of Numerical Recipes. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
