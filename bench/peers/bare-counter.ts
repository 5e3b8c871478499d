// The least that grants durable sessions through the same socket handling: JSON.parse, a bounded counter over slots,
// a journal, and the replies of a turn in one write. No checks, no clients, keys, applications, retries, license,
// resuming, metrics or history: what those cost is the price of the product.
//
//   bare-counter SOCKET JOURNAL LIMIT
import { randomBytes } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { OutBuffer } from '../../src/daemon/gateway/out-buffer.ts'
import { BlockEncoder } from '../../src/daemon/journal/encoder.ts'

const [path, journal, limit] = process.argv.slice(2) as [string, string, string]
const descriptor = openSync(journal, 'w', 0o600)
const encoder = new BlockEncoder()

const free = Int32Array.from({ length: Number(limit) }, (_, slot) => slot)
let freeCount = free.length
const nonces = new Float64Array(free.length)
const pool = { bytes: randomBytes(4096), at: 0 }
const out = new OutBuffer()
/** What was granted (with its key) and released in the turn. */
const changes: [slot: number, key: string | null][] = []
const speakers = new Map<Duplex, string[]>()

function nonce(): number {
  if (pool.at + 6 > pool.bytes.length) {
    pool.bytes = randomBytes(4096)
    pool.at = 0
  }
  pool.at += 6
  return pool.bytes.readUIntBE(pool.at - 6, 6)
}

interface Request {
  id: number
  method: string
  params: { key: string; token: string }
}

function answer({ id, method, params }: Request): string {
  if (method === 'session.acquire') {
    const inUse = free.length - freeCount
    if (freeCount === 0)
      return `{"jsonrpc":"2.0","id":${id},"result":{"granted":false,"inUse":${inUse},"limit":${limit}}}`
    const slot = free[--freeCount]!
    nonces[slot] = nonce()
    changes.push([slot, params.key])
    return `{"jsonrpc":"2.0","id":${id},"result":{"granted":true,"token":"${slot}.${nonces[slot]}","inUse":${inUse + 1},"limit":${limit}}}`
  }
  const [slot, shown] = params.token.split('.').map(Number) as [number, number]
  const released = nonces[slot] === shown
  if (released) {
    nonces[slot] = 0
    free[freeCount++] = slot
    changes.push([slot, null])
  }
  return `{"jsonrpc":"2.0","id":${id},"result":{"released":${released}}}`
}

function endOfTurn(): void {
  for (const [slot, key] of changes) {
    if (key === null) encoder.removeSession(slot)
    else encoder.putSession(slot, 0, '', key, 0, nonces[slot]!, 0)
  }
  if (changes.length > 0) writeSync(descriptor, encoder.finish())
  changes.length = 0
  for (const [socket, replies] of speakers) {
    for (const reply of replies) out.addTextFrame(reply)
    out.sendTo(socket)
  }
  out.rewind()
  speakers.clear()
}

const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false, allowSynchronousEvents: true })
sockets.on('connection', (ws, { socket }) => {
  ws.on('message', data => {
    const asked = JSON.parse(String(data)) as Request | Request[]
    const reply = Array.isArray(asked) ? `[${asked.map(answer).join(',')}]` : answer(asked)
    if (speakers.size === 0) setImmediate(endOfTurn)
    const replies = speakers.get(socket)
    if (replies === undefined) speakers.set(socket, [reply])
    else replies.push(reply)
  })
  // The generator goes away with replies outstanding.
  ws.on('error', () => ws.terminate())
})
server.listen(path)
