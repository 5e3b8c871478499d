/**
 * A call process of the storm that uses the client library, and keeps a ledger. The library comes back by itself:
 *
 *   node test/storm/library-process.ts SOCKET CLIENT_ID LEDGER HOLD
 *
 * It is told `go` or `pause` (finish what is in flight; it says `quiet`).
 */

import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Session, SessionClient } from '../../src/client/index.ts'
import { Fault } from '../../src/errors.ts'
import { Ledger } from './ledger.ts'

const WORKERS = 4
const [socketPath = '', clientId = '', path = '', hold = ''] = process.argv.slice(2)
const ledger = new Ledger(path)
const client = new SessionClient({ socketPath, clientId })
const held = new Map<string, Session>()
let keys = 0
let working = 0
let isPaused = true

const forget = ({ key }: { key: string }) => {
  held.delete(key)
  ledger.note('lost', key)
}
client.on('sessionLost', ({ session }) => forget(session))
client.on('sessionEnded', ({ session }) => forget(session))
client.on('disconnected', () => undefined)

async function acquire(): Promise<void> {
  const key = `${clientId}/${++keys}`
  ledger.note('asked', key)
  try {
    const outcome = await client.acquire({ key })
    if (outcome.granted) held.set(key, outcome.session)
    ledger.note(outcome.granted ? 'granted' : 'denied', key, outcome.granted ? outcome.session.token : '')
  } catch (error) {
    // The daemon was away for too long. What it made of the request is the library's business.
    if (!(error instanceof Fault && error.code === 'daemon-unreachable')) throw error
  }
}

async function release(session: Session): Promise<void> {
  held.delete(session.key)
  ledger.note('releasing', session.key)
  await session.release()
  ledger.note('released', session.key)
}

async function work(): Promise<void> {
  working++
  for (let turn = 0; !isPaused; turn++) {
    const [oldest] = held.values()
    const isFull = held.size + WORKERS > Number(hold)
    await (oldest !== undefined && (isFull || turn % 4 === 3) ? release(oldest) : acquire())
    await nextTurn()
  }
  if (--working === 0) process.stdout.write('quiet\n')
}

process.stdout.write('ready\n')
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'pause') isPaused = true
  else if (isPaused) {
    isPaused = false
    for (let worker = 0; worker < WORKERS; worker++) void work()
  }
}
