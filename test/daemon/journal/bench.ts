import { Journal, type JournalEvents } from '../../../src/daemon/journal/journal.ts'
import type { Compaction } from '../../../src/daemon/journal/journal-file.ts'
import { createNonces } from '../../../src/daemon/nonces.ts'
import { SessionCounter } from '../../../src/session/counter.ts'
import { formatToken } from '../../../src/session/token.ts'
import { recordsOf } from '../../support/earlier-sessions.ts'

/** A journal under test, with what the operator heard of it. */
export interface OpenedJournal {
  readonly journal: Journal
  readonly heard: string[]
}

export function openJournal(
  path: string,
  bootId = 'boot-1',
  wallNow = Date.now,
  instanceId = 'run-1',
  compaction?: Compaction,
): OpenedJournal {
  const heard: string[] = []
  const events: JournalEvents = {
    setAside: (movedTo, why) => heard.push(`set aside: ${movedTo}: ${why}`),
    degraded: why => heard.push(`degraded: ${why}`),
    healed: () => heard.push('healed'),
    notCompacted: why => heard.push(`not compacted: ${why}`),
  }
  const options = { path, bootId, instanceId, wallNow, events, ...(compaction && { compaction }) }
  return { journal: new Journal(options), heard }
}

/** A counter without a bound to speak of, that a journal can follow. */
export function newCounter(): SessionCounter {
  const policy = {
    limit: 1_000_000,
    refusal: null,
    features: new Set<string>(),
    applications: new Map(),
    maxSessionsPerClient: 1_000_000,
    maxApplications: 100,
    resumeWindowMs: 1000,
  }
  return new SessionCounter({ policy, nonces: createNonces(), previousSigner: null })
}

/** Takes sessions for a client of that name and gives their tokens. */
export function hold(counter: SessionCounter, name: string, count: number): string[] {
  const { client } = counter.attach({ identity: name, label: name, process: { pid: 7, startTime: 9 } }, 0)
  const application = counter.applications.named('ivr')!
  return Array.from({ length: count }, (_, index) => {
    const decision = counter.acquire(client, application, `${name}/${client.sessions}/${index}`, 1000.25)
    if (!decision.granted) throw new Error(decision.reason)
    return decision.token
  })
}

/** The tokens of all sessions that the journal held when it was opened, sorted. */
export function tokensIn({ content }: Journal): string[] {
  return recordsOf(content.sessions)
    .map(({ slot, nonceHigh, nonceLow }) => formatToken(slot, nonceHigh, nonceLow))
    .sort()
}

/** What a journal file holds, by opening it as a new daemon of the same boot would. */
export function tokensAt(path: string, bootId = 'boot-1'): string[] {
  const { journal } = openJournal(path, bootId)
  const tokens = tokensIn(journal)
  const counter = newCounter()
  counter.restore(journal.content.clients, journal.content.sessions, 0)
  journal.contentTaken()
  journal.commit(counter)
  journal.close()
  return tokens
}
