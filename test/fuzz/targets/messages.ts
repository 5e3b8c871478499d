import { encodeFrame, OPCODE } from '../../support/raw-websocket.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson, spellJson } from '../mutate-json.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'
import { fire } from './exchange.ts'
import { UnderFire } from './under-fire.ts'

const framesACase = 128
/** Stands in an input for a token that the daemon granted: those are different in every run. */
const tokenPlace = /@token-(\d+)@/g

/** JSON-RPC messages in good frames, on a daemon that others use. An input has one message a line. */
export const messages: Target = {
  name: 'messages',
  kind: 'frames',
  async open(t) {
    const daemon = await UnderFire.start(t)
    return {
      make,
      count: input => linesOf(input).length,
      async judge(input) {
        const frames = linesOf(input).map(line =>
          encodeFrame(OPCODE.text, Buffer.from(withTokens(line, daemon.tokens), 'latin1')),
        )
        const { outcomes, closed } = await fire(daemon, Buffer.concat(frames), true)
        await daemon.checkPeace()
        if (closed === 'closed with 1000') ensure(outcomes.length > 0, 'Nothing was answered.')
        return closed
      },
    }
  },
}

function linesOf(input: Buffer): string[] {
  return input.toString('latin1').split('\n')
}

function withTokens(line: string, tokens: readonly string[]): string {
  return line.replace(tokenPlace, (_, index) => tokens.at(-1 - Number(index)) ?? 'none')
}

function make(random: Random): Buffer {
  const lines = Array.from({ length: framesACase }, (_, index) => makeLine(random, index))
  return Buffer.from(lines.join('\n'), 'latin1')
}

/** One text, in bytes as latin1 shows them. What would end the connection is rare, so that others are read. */
function makeLine(random: Random, index: number): string {
  const batch = random.chance(10)
  if (batch && random.chance(2)) return `[${'{"id":1},'.repeat(600)}1]`
  const value = batch
    ? Array.from({ length: random.pick([0, 1, 2, 8]) }, () => makeRequest(random))
    : makeRequest(random)
  const good = index === 0 && !batch
  const text = Buffer.from(
    good || random.chance(25) ? JSON.stringify(value) : spellJson(mutateJson(value, random), random),
  )
  const damaged = !good && random.chance(25) ? keepText(mutateBytes(text, random, 2), random) : text
  return damaged.toString('latin1').replaceAll('\n', ' ')
}

/** Bytes that are no UTF-8 end the connection: now and then they may. */
function keepText(bytes: Buffer, random: Random): Buffer {
  return random.below(400) === 0 ? bytes : Buffer.from(bytes.toString('utf8'))
}

function makeRequest(random: Random): object {
  const id = random.pick([1, 2, 3, 'a', '€', random.below(1_000_000)])
  const request = (method: string, params?: object) => ({ jsonrpc: '2.0', id, method, params })
  const token = `@token-${random.below(64)}@`
  const key = `key-${random.below(200)}`
  switch (random.below(12)) {
    case 0:
      return request('hello', {
        application: random.pick(['ivr', 'voicemail']),
        clientId: `c${random.below(4)}`,
        clientSecret: `secret-secret-secret-${random.below(4)}`,
        process: { pid: random.pick([1, 4711, process.pid]), startTime: 5 },
        notifications: ['limit', 'license', 'draining', 'session'],
      })
    case 1:
    case 2:
      return request('session.release', { token })
    case 3:
      return { jsonrpc: '2.0', method: 'session.release', params: { token } }
    case 4:
      return request('session.resume', random.chance(50) ? { tokens: [token, 'c.AAAAAAAAAAAAAAAA'] } : {})
    case 5:
      return request(random.pick(['status.get', 'license.get', 'sessions.list', 'sessions.show']), {})
    case 6:
      return request('sessions.release', { id: '1-0', operator: { uid: 0, user: 'root' }, reason: 'x' })
    default:
      return request('session.acquire', { key, application: random.pick(['ivr', 'fax', undefined]) })
  }
}
