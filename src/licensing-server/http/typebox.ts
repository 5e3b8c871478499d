import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { InvalidBody } from './faults.ts'

/** Gives the handler of a route the types of its schemas. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}

/** Checks bodies as the rest of the program does, instead of by fastify's own validator: nothing is coerced. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema }) => {
  const validator = Compile(schema)
  return data =>
    validator.Check(data) ? { value: data } : { error: new InvalidBody(validator.Errors(data)) }
}

/** Answers are written as they are: a serializer made from the schema would silently leave out what it lacks. */
export const compileSerializer = () => (data: unknown) => JSON.stringify(data)
