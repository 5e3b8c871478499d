import t from 'tap'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import {
  AcquireParams,
  HelloParams,
  METHODS,
  NOTIFICATIONS,
  ResumeParams,
} from '../../src/protocol/schemas.ts'

function fits(schema: TSchema, value: unknown): boolean {
  return Value.Check(schema, value)
}

t.test('a key is the call id of whatever call server: printable ASCII without spaces', async t => {
  for (const key of ['a', '81f0@10.0.0.7', '~!"\\{}', 'x'.repeat(128)])
    t.ok(fits(AcquireParams, { key }), key)
  for (const key of ['', 'a b', 'é', 'a\n', 'a\u0000', 'x'.repeat(129), 7, null]) {
    t.notOk(fits(AcquireParams, { key }), JSON.stringify(key))
  }
})

t.test('an application is a name that fits a metric label and a configuration key', async t => {
  for (const application of ['ivr', 'A', '9', 'a.b_c-d', 'x'.repeat(63)]) {
    t.ok(fits(HelloParams, { application }), application)
  }
  for (const application of ['', '-a', '.a', 'a b', 'é', 'a\n', 'x'.repeat(64)]) {
    t.notOk(fits(HelloParams, { application }), JSON.stringify(application))
  }
})

t.test('a process is named by numbers that Linux can give', async t => {
  for (const process of [
    { pid: 1, startTime: 0 },
    { pid: 4194304, startTime: 2 ** 40 },
  ]) {
    t.ok(fits(HelloParams, { process }))
  }
  for (const process of [
    { pid: 0, startTime: 1 },
    { pid: 1.5, startTime: 1 },
    { pid: 4194305, startTime: 1 },
    { pid: 1 },
  ]) {
    t.notOk(fits(HelloParams, { process }), JSON.stringify(process))
  }
})

t.test('lists have an end', async t => {
  t.ok(fits(ResumeParams, { tokens: Array(8192).fill('c.pB0n3kXv2LqTz81s') }))
  t.notOk(fits(ResumeParams, { tokens: Array(8193).fill('c.pB0n3kXv2LqTz81s') }))
  t.notOk(fits(HelloParams, { notifications: Array(9).fill('limit') }))
})

t.test('no message has a property that the schemas do not name', async t => {
  const open: string[] = []
  const visit = (
    schema: TSchema & { type?: string; properties?: Record<string, TSchema> },
    path: string,
  ): void => {
    const { additionalProperties, patternProperties } = schema as {
      additionalProperties?: unknown
      patternProperties?: unknown
    }
    if (schema.type === 'object' && additionalProperties !== false && patternProperties === undefined)
      open.push(path)
    for (const [name, part] of Object.entries(schema.properties ?? {})) visit(part, `${path}.${name}`)
    const { anyOf = [], items } = schema as { anyOf?: TSchema[]; items?: TSchema }
    for (const part of anyOf) visit(part, path)
    if (items !== undefined) visit(items, `${path}[]`)
  }
  for (const [name, { params, result }] of Object.entries(METHODS)) {
    visit(params, `${name} params`)
    visit(result, `${name} result`)
  }
  for (const [name, { params }] of Object.entries(NOTIFICATIONS)) visit(params, name)
  t.strictSame(open, [])
})
