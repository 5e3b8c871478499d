import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { ERRORS, type ErrorWord, REFUSAL_REASONS } from '../../src/protocol/codes.ts'
import {
  encodeFailure,
  encodeGranted,
  encodeNotification,
  encodeRefused,
  encodeReleased,
  encodeResult,
  type Failure,
  type Incoming,
  isFailure,
  parseFrame,
  type RequestId,
} from '../../src/protocol/messages.ts'
import { METHODS, type MethodName, NOTIFICATIONS } from '../../src/protocol/schemas.ts'
import { parameters } from '../property.ts'

const MAX_BATCH_LENGTH = 3

function parse(value: unknown): Incoming | Incoming[] {
  return parseFrame(typeof value === 'string' ? value : JSON.stringify(value), MAX_BATCH_LENGTH)
}

function acquire(part: object): object {
  return { jsonrpc: '2.0', id: 1, method: 'session.acquire', params: { key: 'a' }, ...part }
}

function failure(value: unknown): Failure {
  const item = parse(value)
  if (Array.isArray(item) || !isFailure(item)) throw new Error(`${JSON.stringify(value)} is no failure`)
  return item
}

t.test('a frame that is not a request is answered under no id', async t => {
  t.match(failure('{"jsonrpc":'), { id: null, failure: 'parse-error', message: /^The frame is not JSON: / })
  for (const value of ['1', '"x"', 'null', 'true', '{}', '{"foo":"boo"}', '{"jsonrpc":"2.0","method":1}']) {
    const { id, failure: word, silent } = failure(value)
    t.strictSame([id, word, silent], [null, 'invalid-request', undefined], value)
  }
})

t.test('a request says its version and its method', async t => {
  t.match(failure(acquire({ jsonrpc: '1.0' })), { id: 1, failure: 'invalid-request', message: /"jsonrpc"/ })
  t.match(failure(acquire({ method: 7 })), { id: 1, failure: 'invalid-request', message: /"method"/ })
  t.strictSame(failure(acquire({ method: 'x'.repeat(500) })), {
    id: 1,
    failure: 'method-not-found',
    message: `There is no method "${'x'.repeat(64)}".`,
  })
})

t.test('an id is an integer or a short string', async t => {
  for (const id of [0, -1, Number.MAX_SAFE_INTEGER, '', 'a', 'é\u2028"\\', 'x'.repeat(64)]) {
    t.match(parse(acquire({ id })), { id, method: 'session.acquire' })
  }
  for (const id of ['null', '1.5', '9007199254740992', '1e400', '{}', '[1]', 'true', `"${'x'.repeat(65)}"`]) {
    const text = `{"jsonrpc":"2.0","id":${id},"method":"status.get"}`
    t.match(failure(text), { id: null, failure: 'invalid-request', message: /"id" must be/ }, id)
  }
})

t.test('a notification that cannot be carried out is not answered', async t => {
  const { id: _, ...notification } = acquire({ method: 'session.release' }) as { id: number }
  t.match(failure(notification), { id: null, failure: 'invalid-params', silent: true })
  t.match(failure({ ...notification, method: 'no.such' }), { failure: 'method-not-found', silent: true })
  const released = parse({ ...notification, params: { token: '0.AAAAAAAAAAAAAAAA' } })
  t.strictSame(Object.hasOwn(released, 'id'), false)
})

t.test('parameters may be left out where none is needed', async t => {
  for (const method of ['hello', 'session.resume', 'status.get', 'license.get']) {
    t.match(parse({ jsonrpc: '2.0', id: 1, method }), { method, params: {} })
  }
})

t.test('an error names the parameter that is wrong', async t => {
  const message = (method: MethodName, params: unknown) => {
    const { failure: word, message } = failure({ jsonrpc: '2.0', id: 1, method, params })
    t.equal(word, 'invalid-params')
    return message
  }
  t.equal(message('session.acquire', {}), 'params must have required properties key.')
  t.equal(message('session.acquire', []), 'params must be object.')
  t.equal(message('session.acquire', null), 'params must be object.')
  t.match(message('session.acquire', { key: 'a b' }), /^params\.key must match pattern/)
  t.equal(message('session.acquire', { key: 'a', kye: 'b' }), 'params has no property "kye".')
  t.equal(message('session.acquire', { key: 7, 'a/b~c': 1 }), 'params has no property "a/b~c".')
  t.equal(
    message('hello', { process: { pid: 1, startTime: 2, x: 3 } }),
    'params.process has no property "x".',
  )
  t.equal(message('session.resume', { tokens: ['a', 5] }), 'params.tokens.1 must be string.')
  t.equal(
    message('hello', { notifications: ['limit', 'limits'] }),
    'params.notifications.1 must be one of limit, license, draining, session.',
  )
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${index}`.padEnd(200, 'x'), 1]))
  t.equal(message('status.get', many), `params has no property "${'0'.padEnd(64, 'x')}".`)
})

t.test('a batch keeps its order, and each request in it stands alone', async t => {
  const items = parse([acquire({ id: 1 }), 5, acquire({ id: 3, params: {} })])
  t.match(items, [
    { id: 1, method: 'session.acquire' },
    { id: null, failure: 'invalid-request' },
    { id: 3, failure: 'invalid-params' },
  ])
  t.match(parse([[acquire({})]]), [{ id: null, failure: 'invalid-request' }], 'a batch in a batch is none')
})

t.test('a batch that is empty or too long is refused whole', async t => {
  t.match(failure([]), { id: null, failure: 'batch-empty' })
  t.match(failure([1, 2, 3, 4]), { id: null, failure: 'batch-too-long', message: /4 requests; at most 3/ })
})

t.test('names that JavaScript gives a meaning have none', async t => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.match(failure(`{"jsonrpc":"2.0","id":1,"method":"${name}"}`), { failure: 'method-not-found' })
    const text = `{"jsonrpc":"2.0","id":1,"method":"session.acquire","params":{"key":"a","${name}":{"x":1}}}`
    t.match(failure(text), { failure: 'invalid-params', message: `params has no property "${name}".` })
  }
  const polluted = '{"jsonrpc":"2.0","id":1,"method":"status.get","__proto__":{"admin":true}}'
  t.equal((parse(polluted) as { admin?: boolean }).admin, undefined)
  t.equal(({} as { admin?: boolean }).admin, undefined)
})

t.test('however deep a frame is nested, it is answered', async t => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const nested = `${open.repeat(50_000)}1${close.repeat(50_000)}`
    t.match(parse(`{"jsonrpc":"2.0","id":1,"method":"session.resume","params":{"tokens":${nested}}}`), {
      id: 1,
      failure: 'invalid-params',
    })
    t.ok(parse(nested))
  }
})

const id: fc.Arbitrary<RequestId> = fc.oneof(
  fc.maxSafeInteger(),
  fc.string({ unit: 'binary', maxLength: 32 }),
)
const count = fc.nat()

t.test('whatever arrives, parsing throws nothing and gives calls or failures', async () => {
  const methods = fc.constantFrom(...Object.keys(METHODS), 'no.such')
  const almost = fc.record(
    {
      jsonrpc: fc.constantFrom('2.0', '1.0'),
      id: fc.oneof(id, fc.jsonValue()),
      method: methods,
      params: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.oneof(almost, fc.array(almost)).map(value => JSON.stringify(value)),
  )
  fc.assert(
    fc.property(text, text => {
      for (const item of [parseFrame(text, MAX_BATCH_LENGTH)].flat()) {
        if (isFailure(item)) {
          const failed = JSON.parse(encodeFailure(item.id, item.failure, item.message))
          assert.equal(failed.error.code, ERRORS[item.failure])
          assert.ok(item.message.length < 1000)
        } else assert.ok(Value.Check(METHODS[item.method].params, item.params))
      }
    }),
    parameters(3000),
  )
})

function assertReply(text: string, id: RequestId, schema: TSchema): void {
  const reply = JSON.parse(text)
  assert.deepEqual(Object.keys(reply), ['jsonrpc', 'id', 'result'])
  assert.equal(reply.jsonrpc, '2.0')
  assert.equal(reply.id, id === 0 ? 0 : id)
  assert.deepEqual(Value.Errors(schema, reply.result), [])
}

t.test('whatever the id, a reply is what its schema promises', async () => {
  const reason = fc.constantFrom(...REFUSAL_REASONS)
  const token = fc.stringMatching(/^[a-z0-9]{1,6}\.[A-Za-z0-9_-]{16}$/)
  fc.assert(
    fc.property(id, count, count, fc.boolean(), reason, token, (id, inUse, limit, flag, reason, token) => {
      const { result } = METHODS['session.acquire']
      assertReply(encodeGranted(id, flag, token, inUse, limit), id, result)
      assertReply(encodeRefused(id, reason, inUse, limit), id, result)
      assertReply(encodeReleased(id, flag), id, METHODS['session.release'].result)
      const resumed = { resumed: inUse, unknown: [token], replaced: { [token]: token } }
      assertReply(encodeResult(id, resumed), id, METHODS['session.resume'].result)
    }),
    parameters(500),
  )
})

t.test('a failure and a notification are JSON whatever they say', async () => {
  const word = fc.constantFrom(...(Object.keys(ERRORS) as ErrorWord[]))
  const message = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(fc.option(id), word, message, (id, word, message) => {
      const { error, ...rest } = JSON.parse(encodeFailure(id, word, message))
      assert.deepEqual(rest, { jsonrpc: '2.0', id: id === 0 ? 0 : id })
      assert.deepEqual(error, { code: ERRORS[word], message, data: { code: word } })
      const params = { state: 'grace', admits: true, message } as const
      const notification = JSON.parse(encodeNotification('license.changed', params))
      assert.deepEqual(notification, { jsonrpc: '2.0', method: 'license.changed', params })
      assert.ok(Value.Check(NOTIFICATIONS['license.changed'].params, notification.params))
    }),
    parameters(500),
  )
})
