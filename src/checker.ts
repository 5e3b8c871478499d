import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Check } from 'typebox/schema'
import { lazily } from './lazily.ts'

/** Values that are checked by the schema as it is, before it is compiled. */
const FEW = 8

/**
 * Checks values by a schema. Compiled code is many times as fast, but to compile takes milliseconds, which a program
 * that starts has better use for; so that is done when it pays.
 */
export function checkerOf<T extends TSchema>(schema: T) {
  const compiled = lazily(() => Compile(schema))
  let checked = 0
  return {
    check: (value: unknown): value is Static<T> =>
      checked++ < FEW ? Check(schema, value) : compiled().Check(value),
    errors: (value: unknown) => compiled().Errors(value),
  }
}
