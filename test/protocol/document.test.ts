import t from 'tap'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { CLOSE, ERRORS, REFUSAL_MESSAGES, REFUSAL_REASONS, SUBPROTOCOL } from '../../src/protocol/codes.ts'
import { isFailure, parseFrame } from '../../src/protocol/messages.ts'
import {
  HelloParams,
  MAX_RESUME_TOKENS,
  METHODS,
  type MethodName,
  NOTIFICATIONS,
  NotificationTopic,
} from '../../src/protocol/schemas.ts'
import { examples, section, table, word } from './document.ts'

interface Reply {
  readonly jsonrpc: string
  readonly id?: number
  readonly method?: keyof typeof NOTIFICATIONS
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { code: number; message: string; data: { code: keyof typeof ERRORS } }
}

function wrong(schema: TSchema, value: unknown): string[] {
  return Value.Errors(schema, value).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

t.test('every example of a client is a call that the daemon understands', async t => {
  for (const { from, text, line } of examples()) {
    if (from === 'server') continue
    const item = parseFrame(text, 1)
    if (Array.isArray(item)) t.fail(`line ${line} is a batch`)
    else if (isFailure(item)) t.equal(item.failure, 'method-not-found', `line ${line}: ${item.message}`)
    else t.ok(METHODS[item.method], `line ${line}: ${item.method}`)
  }
})

t.test('every example of the daemon is what the schemas promise', async t => {
  const asked = new Map<number, string>()
  let answered = 0
  for (const { from, text, line } of examples()) {
    const message = JSON.parse(text) as Reply
    t.equal(message.jsonrpc, '2.0')
    if (from === 'client') {
      if (message.id !== undefined) asked.set(message.id, text)
      continue
    }
    if (message.method !== undefined) {
      t.strictSame(wrong(NOTIFICATIONS[message.method].params, message.params), [], `line ${line}`)
      continue
    }
    const request = parseFrame(asked.get(message.id!)!, 1)
    if (Array.isArray(request)) throw new Error(`line ${line} answers a batch`)
    answered++
    if (isFailure(request)) {
      t.strictSame(message.error, {
        code: ERRORS[request.failure],
        message: request.message,
        data: { code: request.failure },
      })
    } else t.strictSame(wrong(METHODS[request.method].result, message.result), [], `line ${line}`)
  }
  t.equal(answered, asked.size, 'every request is answered')
})

t.test('every method and every notification has an example', async t => {
  const text = examples()
    .map(example => example.text)
    .join('\n')
  for (const name of [...Object.keys(METHODS), ...Object.keys(NOTIFICATIONS)]) {
    t.ok(text.includes(`"method":"${name}"`), name)
  }
})

t.test('every method has a section, with its parameters in a table', async t => {
  for (const name of Object.keys(METHODS) as MethodName[]) t.ok(section(name), name)
  for (const method of ['hello', 'session.acquire'] as const) {
    const names = table(method).map(([name]) => word(name))
    t.strictSame(names, Object.keys(METHODS[method].params.properties))
  }
})

t.test('the tables say what the code says', async t => {
  t.strictSame(
    table('Refusal reasons').map(([reason]) => word(reason)),
    REFUSAL_REASONS,
  )
  t.strictSame(Object.keys(REFUSAL_MESSAGES), REFUSAL_REASONS)
  const errors = table('Error codes').map(([number, code]) => [word(code), Number(number)])
  t.strictSame(Object.fromEntries(errors), ERRORS)
  const closes = table('Close codes').filter(([code]) => Number(code) >= 4000)
  t.strictSame(Object.fromEntries(closes.map(([code, name]) => [word(name), Number(code)])), CLOSE)
  const topics = [...section('Notifications').matchAll(/^`(\w+)`/gm)].map(([, topic]) => topic!)
  t.strictSame(
    topics,
    Object.values(NOTIFICATIONS).map(({ topic }) => topic),
  )
  t.strictSame(NotificationTopic.enum, topics)
})

t.test('the bounds in words are those of the schemas', async t => {
  t.ok(section('Bounds').includes(`| tokens in one resume | ${MAX_RESUME_TOKENS.toLocaleString('en')} |`))
  t.ok(section('Connect').includes(`\`${SUBPROTOCOL}\``))
  const fits = (part: object) => wrong(HelloParams, part).length === 0
  for (const [name, length] of [
    ['application', 63],
    ['clientId', 64],
    ['clientSecret', 128],
  ] as const) {
    t.ok(fits({ [name]: 'a'.repeat(length) }), `${name} of ${length}`)
    t.notOk(fits({ [name]: 'a'.repeat(length + 1) }), `${name} of ${length + 1}`)
  }
})
