import assert from 'node:assert/strict'
import type { SessionCounter } from '../../src/session/counter.ts'
import { formatToken } from '../../src/session/token.ts'
import { holdingsOf, type MemoryJournal } from './memory-journal.ts'
import type { Model, ModelClient } from './model.ts'

/** Tokens of the sessions in a journal, sorted. */
export function tokensOf(journal: MemoryJournal): string[] {
  return [...journal.sessions.values()]
    .map(({ slot, nonceHigh, nonceLow }) => formatToken(slot, nonceHigh, nonceLow))
    .sort()
}

/** What must be true after every step, whatever happened. */
export function checkLaws(counter: SessionCounter, model: Model): void {
  checkHoldings(counter, model)
  checkCounts(counter, model)
}

/** The counter holds the model's sessions, no more and no fewer, each as it was granted and by its client. */
function checkHoldings(counter: SessionCounter, model: Model): void {
  const { clients, sessions } = holdingsOf(counter)
  const indexes = new Map<ModelClient, number>()
  assert.equal(sessions.size, model.sessions.size, 'the sessions held are those granted and not ended')
  for (const { slot, client: index, application, key, nonceHigh, nonceLow, grantedAt } of sessions.values()) {
    const session = model.sessions.get(formatToken(slot, nonceHigh, nonceLow))
    assert.ok(session, 'a session is held that should not be')
    assert.deepEqual([application, key, grantedAt], [session.application, session.key, session.grantedAt])
    const { identity, label, process } = session.client
    assert.deepEqual(clients.get(index), { index, identity, label, process })
    assert.equal(indexes.get(session.client) ?? index, index, 'one client is one client')
    indexes.set(session.client, index)
  }
  assert.equal(new Set(indexes.values()).size, indexes.size, 'two clients are two clients')
  assert.ok(clients.size <= counter.clients, 'only clients that are known')
}

/** Every count agrees with the sessions that are held, and none can go negative. */
function checkCounts(counter: SessionCounter, model: Model): void {
  const { totals } = counter
  assert.equal(counter.inUse, model.sessions.size)
  assert.equal(counter.orphaned, model.orphaned)
  assert.equal(counter.clients, model.clients.size, 'clients without connection and session are forgotten')
  assert.equal(counter.limit, model.policy.limit)
  assert.equal(counter.draining, model.draining)
  const applications = [...counter.applications]
  const inUse = applications.map(({ name, inUse }): [string, number] => [name, inUse])
  assert.deepEqual(
    new Map(inUse),
    new Map([...model.applications].map(name => [name, model.in(name).length])),
    'the count is the sum over applications',
  )
  assert.equal(totals.granted, model.granted)
  assert.equal(sum(applications.map(({ granted }) => granted)), model.granted)
  assert.deepEqual(totals.denied, model.denied)
  assert.equal(sum(applications.map(({ denied }) => denied)), sum([...model.denied.values()]))
  assert.deepEqual(totals.ended, model.ended)
  assert.equal(totals.adopted, model.adopted.size)
  assert.equal(totals.peak, model.peak)
  assert.equal(sum(applications.map(({ orphaned }) => orphaned)), counter.orphaned)
  for (const { name, inUse, orphaned, peak } of applications) {
    assert.ok(orphaned >= 0 && orphaned <= inUse && inUse <= peak && peak <= totals.peak, name)
  }
  assert.ok(counter.inUse <= totals.recentPeak && totals.recentPeak <= totals.peak)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
