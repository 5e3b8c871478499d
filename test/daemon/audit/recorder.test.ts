import t from 'tap'
import type { AuditDraft } from '../../../src/daemon/audit/event.ts'
import { AuditRecorder } from '../../../src/daemon/audit/recorder.ts'
import { createLogger } from '../../../src/log.ts'

function rig() {
  const log: { level: string; message: string }[] = []
  const written: [AuditDraft, number][] = []
  const world = { now: 0, broken: false }
  const logger = createLogger({
    level: 'info',
    destination: { write: line => void log.push(JSON.parse(line)) },
  })
  const recorder = new AuditRecorder(() => world.now, logger)
  const store = {
    record(draft: AuditDraft, at: number) {
      if (world.broken) throw new Error('no space')
      written.push([draft, at])
    },
  }
  return { log, written, world, recorder, store }
}

t.test('what came before the database was open is written with its time', async t => {
  const { recorder, store, world, written } = rig()
  t.equal(recorder.record({ what: 'journal.degraded' }), false)
  world.now = 5
  recorder.attach(store)
  t.strictSame(written, [[{ what: 'journal.degraded' }, 0]])
  t.equal(recorder.record({ what: 'journal.healed' }), true)
})

t.test('a database that cannot be written is told once, and nothing is lost', async t => {
  const { recorder, store, world, written, log } = rig()
  recorder.attach(store)
  world.broken = true
  t.equal(recorder.record({ what: 'daemon.started' }), false)
  for (world.now = 1; world.now < 100_000; world.now += 1000) recorder.retry()
  t.match(log, [
    { level: 'error', message: /cannot be written; its events wait, and calls go on\. no space/ },
  ])
  t.equal(log.length, 1)
  world.broken = false
  world.now += 30_000
  t.equal(recorder.retry(), true)
  t.strictSame(written, [[{ what: 'daemon.started' }, 0]])
  t.match(log[1], { level: 'info', message: 'The audit trail is written again.' })
})

t.test('what is more than can wait is counted, and told in the trail', async t => {
  const { recorder, store, world, written } = rig()
  recorder.attach(store)
  world.broken = true
  for (let n = 0; n < 300; n++) recorder.record({ what: 'usage.state', detail: { n } })
  world.broken = false
  world.now = 60_000
  t.equal(recorder.retry(), true)
  t.strictSame(written[0], [{ what: 'audit.gap', detail: { lost: 44 } }, 60_000])
  t.equal(written.length, 257)
  t.match(written[1], [{ detail: { n: 44 } }])
})
