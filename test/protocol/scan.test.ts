import fc from 'fast-check'
import { test } from 'tap'
import { type Incoming, parseFrame } from '../../src/protocol/messages.ts'
import { scanBatch, scanRequest } from '../../src/protocol/scan.ts'

/** What the parser makes of the same text: white space before it is no form that the scanner takes. */
function parsed(text: string, maxBatchLength = 512): unknown {
  return plain(parseFrame(` ${text}`, maxBatchLength))
}

function plain(incoming: Incoming | Incoming[]): unknown {
  const of = (item: Incoming) => {
    const { jsonrpc, ...rest } = item as Incoming & { jsonrpc?: string }
    return jsonrpc === undefined ? rest : rest
  }
  return Array.isArray(incoming) ? incoming.map(of) : of(incoming)
}

const key = fc.stringMatching(/^[\x21-\x7e]{1,130}$/)
const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,65}$/)
const anything = fc.oneof(key, name, fc.string(), fc.constant(''), fc.string({ unit: 'binary' }))
const id = fc.oneof(
  fc.nat(),
  fc.constant(0),
  fc.maxSafeNat(),
  fc.constantFrom('007', '-1', '1.5', '"a"', 'null', '12345678901234567'),
)

/** Texts near the form that the scanner takes, most of them right. */
const request = fc.oneof(
  fc
    .tuple(id, key)
    .map(
      ([n, k]) =>
        `{"jsonrpc":"2.0","id":${n},"method":"session.acquire","params":{"key":${JSON.stringify(k)}}}`,
    ),
  fc
    .tuple(id, key, name)
    .map(
      ([n, k, a]) =>
        `{"jsonrpc":"2.0","id":${n},"method":"session.acquire","params":{"key":${JSON.stringify(k)},"application":${JSON.stringify(a)}}}`,
    ),
  fc
    .tuple(id, anything, anything)
    .map(
      ([n, k, a]) =>
        `{"jsonrpc":"2.0","id":${n},"method":"session.acquire","params":{"key":"${k}","application":"${a}"}}`,
    ),
  fc
    .tuple(id, anything)
    .map(([n, t]) => `{"jsonrpc":"2.0","id":${n},"method":"session.release","params":{"token":"${t}"}}`),
  fc
    .tuple(id, key)
    .map(
      ([n, t]) =>
        `{"jsonrpc":"2.0","id":${n},"method":"session.release","params":{"token":${JSON.stringify(t)}}}`,
    ),
)

/** One character of the text replaced, removed or added. */
const damaged = fc
  .tuple(request, fc.nat(), fc.string({ maxLength: 2 }), fc.nat({ max: 1 }))
  .map(([text, at, put, cut]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place + cut)
  })

test('what the scanner takes is what the parser makes of it', async t => {
  fc.assert(
    fc.property(fc.oneof(request, damaged), text => {
      const scanned = scanRequest(text)
      if (scanned !== null) t.same(scanned, parsed(text), text)
    }),
    { numRuns: 5000 },
  )
})

test('batches too, up to the longest that is allowed', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: request }, damaged), { maxLength: 6 }),
      fc.nat({ max: 6 }),
      (items, max) => {
        const text = `[${items.join(',')}]`
        const scanned = scanBatch(text, max)
        if (scanned !== null) t.same(scanned, parsed(text, max), text)
      },
    ),
    { numRuns: 3000 },
  )
})

test('the frames of clients that format by template are taken', async t => {
  const acquire = '{"jsonrpc":"2.0","id":7,"method":"session.acquire","params":{"key":"call-81f0@10.0.0.7"}}'
  const named =
    '{"jsonrpc":"2.0","id":0,"method":"session.acquire","params":{"key":"c","application":"ivr.de"}}'
  const release =
    '{"jsonrpc":"2.0","id":9,"method":"session.release","params":{"token":"c.pB0n3kXv2LqTz81s"}}'
  t.same(scanRequest(acquire), { id: 7, method: 'session.acquire', params: { key: 'call-81f0@10.0.0.7' } })
  t.same(scanRequest(named), {
    id: 0,
    method: 'session.acquire',
    params: { key: 'c', application: 'ivr.de' },
  })
  t.same(scanRequest(release), { id: 9, method: 'session.release', params: { token: 'c.pB0n3kXv2LqTz81s' } })
  t.same(scanBatch(`[${acquire},${release}]`, 2)?.length, 2)
})

test('whatever is of another form is left to the parser', async t => {
  const acquire = '{"jsonrpc":"2.0","id":7,"method":"session.acquire","params":{"key":"k"}}'
  for (const text of [
    '',
    '{',
    `${acquire} `,
    acquire.slice(0, -1),
    acquire.replace('"k"', '"\\u006b"'),
    acquire.replace('"k"', '"ü"'),
    acquire.replace('"k"', '""'),
    acquire.replace('7', '07'),
    acquire.replace('7', '1234567890123456'),
    acquire.replace('7', 'x'),
    acquire.replace('"k"', '"k","application":"-a"'),
    acquire.replace('"k"', '"k","application":"a b"'),
    acquire.replace('"k"', '"k","application":"a","x":1'),
    acquire.replace('"k"', `"${'k'.repeat(129)}"`),
    acquire.replace('acquire', 'resume'),
    acquire.replace('acquire","params":{"key"', 'release","params":{"token"').replace('"k"', '""'),
  ])
    t.equal(scanRequest(text), null, text)
  for (const text of ['[]', '[', `[${acquire}`, `[${acquire},]`, `[${acquire}]x`, `[${acquire},${acquire}]`])
    t.equal(scanBatch(text, 1), null, text)
})
