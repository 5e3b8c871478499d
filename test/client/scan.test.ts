import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { scanReplies } from '../../src/client/scan.ts'
import { parseMessages } from '../../src/client/wire.ts'
import { encodeGranted, encodeRefused, encodeReleased, encodeResult } from '../../src/protocol/messages.ts'
import { parameters } from '../property.ts'

/** What the parser makes of the same text: white space before it is no form that the scanner takes. */
function parsed(text: string): unknown {
  return parseMessages(` ${text}`)?.map(message => {
    const { jsonrpc, ...rest } = message as { jsonrpc?: unknown }
    assert.equal(jsonrpc, '2.0')
    return rest
  })
}

const text = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,40}$/) },
  fc.string(),
  fc.string({ unit: 'binary' }),
)
const count = fc.oneof(
  { weight: 4, arbitrary: fc.nat() },
  fc.maxSafeNat(),
  fc.constantFrom('007', '-1', '1.5', '1e3', '""'),
)

/** Replies as the daemon forms them, most of them right. */
const reply = fc.oneof(
  fc
    .tuple(fc.nat(), fc.boolean(), text, fc.nat(), fc.nat())
    .map(([id, repeated, token, inUse, limit]) => encodeGranted(id, repeated, token, inUse, limit)),
  fc
    .tuple(count, fc.boolean(), text, count, count)
    .map(([id, repeated, token, inUse, limit]) =>
      encodeGranted(id as never, repeated, token, inUse as never, limit as never),
    ),
  fc
    .tuple(count, text, count, count)
    .map(([id, reason, inUse, limit]) => encodeRefused(id as never, reason, inUse as never, limit as never)),
  fc.tuple(count, fc.boolean()).map(([id, released]) => encodeReleased(id as never, released)),
  fc.tuple(fc.nat(), text).map(([id, value]) => encodeResult(id, { value })),
)

/** A frame, and how often it is damaged: one character replaced, removed or added. */
const frame = fc.oneof(
  reply,
  fc.array(reply, { maxLength: 4 }).map(replies => `[${replies.join(',')}]`),
)
const damaged = fc
  .tuple(frame, fc.nat(), fc.string({ maxLength: 2 }), fc.nat({ max: 1 }))
  .map(([whole, at, put, cut]) => {
    const place = at % (whole.length + 1)
    return whole.slice(0, place) + put + whole.slice(place + cut)
  })

t.test('what the scanner takes is what the parser makes of it', async () => {
  fc.assert(
    fc.property(fc.oneof(frame, damaged), whole => {
      const scanned = scanReplies(whole)
      if (scanned !== undefined) assert.deepEqual(scanned, parsed(whole))
    }),
    parameters(5000),
  )
})

t.test('it takes all that the daemon says to calls', async t => {
  const granted = encodeGranted(7, false, 'AbC-_123.x', 3, 100)
  const refused = encodeRefused(8, 'limit', 100, 100)
  const released = [encodeReleased(9, true), encodeReleased(10, false)]
  const all = [granted, refused, ...released]
  t.strictSame(scanReplies(granted), [
    { id: 7, result: { granted: true, token: 'AbC-_123.x', inUse: 3, limit: 100 } },
  ])
  t.strictSame(scanReplies(refused), [
    { id: 8, result: { granted: false, reason: 'limit', inUse: 100, limit: 100 } },
  ])
  t.strictSame(
    scanReplies(`[${all.join(',')}]`),
    all.map(each => scanReplies(each)![0]),
  )
})

t.test('it leaves all else to the parser', async t => {
  const whole = encodeGranted(7, false, 'token', 3, 100)
  const batch = `[${whole},${whole}]`
  for (const other of [
    '',
    '[',
    '[]',
    `[${whole}`,
    `[${whole},]`,
    `${batch} `,
    `${whole}]`,
    encodeGranted(7, true, 'token', 3, 100),
  ]) {
    t.equal(scanReplies(other), undefined, other)
  }
  for (let end = 0; end < batch.length; end++) t.equal(scanReplies(batch.slice(0, end)), undefined)
  for (const [right, wrong] of [
    ['"id":7', '"id":07'],
    ['"id":7', '"id":1234567890123456'],
    ['token":"', 'token":"\\u0041'],
    ['token":"', 'token":"\u00e9'],
    ['"limit":100', '"limit":1e2'],
  ] as const) {
    t.equal(scanReplies(whole.replace(right, wrong)), undefined, wrong)
  }
})
