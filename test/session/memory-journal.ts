import assert from 'node:assert/strict'
import type { ClientRecord } from '../../src/session/client-table.ts'
import type { SessionCounter } from '../../src/session/counter.ts'
import type { RecordSink, SessionRecord } from '../../src/session/records.ts'
import { earlierOf } from '../support/earlier-sessions.ts'

/**
 * A journal in memory. What a crash leaves behind is exactly what was committed, and each record must make
 * sense at the moment it is told: a session's client is known, and nothing is removed that is not there.
 */
export class MemoryJournal implements RecordSink {
  readonly clients = new Map<number, ClientRecord>()
  readonly sessions = new Map<number, SessionRecord>()

  commit(counter: SessionCounter): void {
    counter.writeChanges(this)
    counter.changesWritten()
  }

  /** Starts anew with all that is held, as after a disk that was full. */
  rewrite(counter: SessionCounter): void {
    const { clients, sessions } = holdingsOf(counter)
    this.clients.clear()
    this.sessions.clear()
    for (const client of clients.values()) this.putClient(client)
    for (const { slot, client, application, key, nonceHigh, nonceLow, grantedAt } of sessions.values())
      this.putSession(slot, client, application, key, nonceHigh, nonceLow, grantedAt)
    counter.allWritten()
  }

  /** Gives what it holds to a counter that was just started. */
  restore(counter: SessionCounter, now: number): void {
    counter.restore([...this.clients.values()], earlierOf(this.sessions.values()), now)
  }

  removeClient(index: number): void {
    assert.ok(this.clients.delete(index), `client ${index} is removed and was not there`)
  }

  putClient(client: ClientRecord): void {
    this.clients.set(client.index, recordOf(client))
  }

  removeSession(slot: number): void {
    assert.ok(this.sessions.delete(slot), `session ${slot} is removed and was not there`)
  }

  putSession(
    slot: number,
    client: number,
    application: string,
    key: string,
    nonceHigh: number,
    nonceLow: number,
    grantedAt: number,
  ): void {
    assert.ok(this.clients.has(client), `session ${slot} names client ${client}, which is not there`)
    this.sessions.set(slot, { slot, client, application, key, nonceHigh, nonceLow, grantedAt })
  }
}

/** All that a counter holds, as a journal that was written anew would have it: told at three places a time. */
export function holdingsOf(counter: SessionCounter): Holdings {
  const clients = new Map<number, ClientRecord>()
  const sessions = new Map<number, SessionRecord>()
  const sink: RecordSink = {
    removeClient: index => assert.fail(`client ${index} is removed from a journal that is new`),
    removeSession: slot => assert.fail(`session ${slot} is removed from a journal that is new`),
    putClient: client => clients.set(client.index, recordOf(client)),
    putSession: (slot, client, application, key, nonceHigh, nonceLow, grantedAt) =>
      sessions.set(slot, { slot, client, application, key, nonceHigh, nonceLow, grantedAt }),
  }
  for (let place: number | null = 0; place !== null; ) place = counter.writeHeld(sink, place, 3)
  return { clients, sessions }
}

function recordOf({ index, identity, label, process }: ClientRecord): ClientRecord {
  return { index, identity, label, process: process && { ...process } }
}

export interface Holdings {
  readonly clients: ReadonlyMap<number, ClientRecord>
  readonly sessions: ReadonlyMap<number, SessionRecord>
}
