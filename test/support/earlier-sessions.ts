import type { EarlierSessions, SessionRecord } from '../../src/session/records.ts'

/** Records as what an earlier run left. */
export function earlierOf(records: Iterable<SessionRecord>): EarlierSessions {
  const bySlot = new Map([...records].map(record => [record.slot, record]))
  return {
    end: Math.max(-1, ...bySlot.keys()) + 1,
    each(visit) {
      for (const { slot, client, application, nonceHigh, nonceLow, grantedAt } of bySlot.values())
        visit(slot, client, application, nonceHigh, nonceLow, grantedAt)
    },
    keyOf: slot => bySlot.get(slot)!.key,
  }
}

/** What an earlier run left, as records. */
export function recordsOf(sessions: EarlierSessions): SessionRecord[] {
  const records: SessionRecord[] = []
  sessions.each((slot, client, application, nonceHigh, nonceLow, grantedAt) => {
    records.push({ slot, client, application, key: sessions.keyOf(slot), nonceHigh, nonceLow, grantedAt })
  })
  return records
}
