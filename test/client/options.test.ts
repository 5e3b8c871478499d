import t from 'tap'
import { settingsOf } from '../../src/client/options.ts'
import { isFailure, parseFrame } from '../../src/protocol/messages.ts'

function helloOf(options: Parameters<typeof settingsOf>[0]) {
  const { hello } = settingsOf(options).core
  const call = parseFrame(`{"jsonrpc":"2.0","id":1,"method":"hello","params":${hello}}`, 1)
  if (Array.isArray(call) || isFailure(call) || call.method !== 'hello') throw new Error(hello)
  return call.params
}

t.test('what is not said has its default', async t => {
  t.match(settingsOf({}), {
    batching: true,
    core: {
      acquireTimeoutMs: 2000,
      closeTimeoutMs: 2000,
      handshakeTimeoutMs: 5000,
      pingIntervalMs: 30_000,
      silenceTimeoutMs: 5000,
      maxPending: 10_000,
    },
  })
  t.match(settingsOf({ batching: false, acquireTimeoutMs: 1, maxPending: 7 }), {
    batching: false,
    core: { acquireTimeoutMs: 1, maxPending: 7 },
  })
})

t.test('hello says who it is, in the words of the protocol', async t => {
  t.match(helloOf({ application: 'ivr', clientId: 'ivr-7' }), {
    application: 'ivr',
    clientId: 'ivr-7',
    process: { pid: process.pid, startTime: Number },
    notifications: ['limit', 'license', 'draining', 'session'],
  })
})

t.test('every client has an identity of its own, whatever its label', async t => {
  const [one, two] = [helloOf({}), helloOf({})]
  t.not(one.clientId, two.clientId)
  const [three, four] = [helloOf({ clientId: 'same' }), helloOf({ clientId: 'same' })]
  t.not(three.clientSecret, four.clientSecret)
  t.not(settingsOf({}).keyPrefix, settingsOf({}).keyPrefix)
})

t.test('what cannot be used is said at once', async t => {
  const wrong = [
    { application: 'with space' },
    { application: '' },
    { application: 'x'.repeat(64) },
    { clientId: '' },
    { clientId: 'x'.repeat(65) },
    { clientId: 'with space' },
    { acquireTimeoutMs: 0 },
    { acquireTimeoutMs: 1.5 },
    { closeTimeoutMs: -1 },
    { handshakeTimeoutMs: Number.NaN },
    { pingIntervalMs: 2 ** 31 },
    { silenceTimeoutMs: '5' as unknown as number },
    { maxPending: Number.POSITIVE_INFINITY },
    { url: 'nowhere' },
  ]
  for (const options of wrong) {
    t.throws(() => settingsOf(options), { code: 'invalid-options', hint: /./ }, JSON.stringify(options))
  }
})
