import t from 'tap'
import { createNonces } from '../../src/daemon/nonces.ts'
import { Overdue } from '../../src/daemon/overdue.ts'
import { SessionCounter } from '../../src/session/counter.ts'
import type { SessionPolicy } from '../../src/session/policy.ts'

const policy: SessionPolicy = {
  limit: 1000,
  refusal: null,
  features: new Set(),
  applications: new Map(),
  maxSessionsPerClient: 1000,
  maxApplications: 10,
  resumeWindowMs: 30_000,
}

/** A counter with one orphaned session for each process. */
function withOrphans(count: number): SessionCounter {
  const counter = new SessionCounter({ policy, nonces: createNonces(), previousSigner: null })
  const application = counter.applications.named('ivr')!
  for (let pid = 1; pid <= count; pid++) {
    const record = { identity: `client-${pid}`, label: null, process: { pid, startTime: 1 } }
    const { client } = counter.attach(record, 0)
    t.equal(counter.acquire(client, application, 'call', 0).granted, true)
    counter.detach(client, client.attachment!, 0)
  }
  return counter
}

t.test('of more processes than can be looked at in one go, each has its turn', async t => {
  const counter = withOrphans(450)
  const seen = new Set<number>()
  const overdue = new Overdue(({ pid }) => {
    seen.add(pid)
    return pid > 440 ? 'dead' : 'lives'
  }, 0)
  overdue.end(counter, 1)
  t.equal(seen.size, 200)
  for (const now of [250, 500, 750]) overdue.end(counter, now)
  t.equal(seen.size, 450)
  t.equal(counter.inUse, 440)
})

t.test('after it stood still, nothing ends before those who wait could resume', async t => {
  const counter = withOrphans(3)
  const overdue = new Overdue(() => 'unknown', 29_000)
  t.equal(overdue.end(counter, 89_000).leaked, 0)
  for (let now = 89_250; now < 99_000; now += 250) overdue.end(counter, now)
  t.equal(counter.inUse, 3)
  t.equal(overdue.end(counter, 99_100).leaked, 3)
})

t.test('after it stood still between two looks, too', async t => {
  const counter = withOrphans(1)
  const overdue = new Overdue(() => 'unknown', 0)
  for (let now = 250; now < 30_000; now += 250) t.equal(overdue.end(counter, now).leaked, 0)
  t.equal(overdue.end(counter, 34_000).leaked, 0)
  for (let now = 34_250; now < 38_000; now += 250) t.equal(overdue.end(counter, now).leaked, 0)
  t.equal(overdue.end(counter, 38_250).leaked, 1)
})
