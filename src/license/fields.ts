import { Type } from 'typebox'

/** Fields that licenses, machine requests and revocation lists have in common. Each has its bound. */

/** What the vendor sells under this scheme. */
export const products = ['call-services', 'studio'] as const
export type Product = (typeof products)[number]

export const uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' })

/**
 * A name for people. It is shown on terminals: no control character may move the cursor or color the text,
 * no directional mark may turn it around.
 */
export const label = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$',
})

/** A name for programs: `call-services`. */
export const slug = Type.String({ maxLength: 64, pattern: '^[a-z0-9][a-z0-9-]*$' })

/** ISO 8601, UTC. That the calendar has such a day is for parseInstant to say. */
export const instant = Type.String({
  maxLength: 24,
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{3})?Z$',
})

/** SHA-256 in base64url: of a key (RFC 7638), or of a machine fact. */
export const thumbprint = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })

export const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const count = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })

/** One thing that is wrong with a payload. */
export interface PayloadFlaw {
  /** JSON pointer of the field, `/maxSessions`; empty for the payload as a whole. */
  path: string
  what: string
}

/** The first flaws that a TypeBox validator found, in our terms. */
export function flawsOf(errors: readonly { instancePath: string; message: string }[]): PayloadFlaw[] {
  return errors.slice(0, 10).map(error => ({ path: error.instancePath, what: error.message }))
}

export function sayFlaws(flaws: readonly PayloadFlaw[]): string {
  return flaws.map(flaw => `${flaw.path || 'the payload'} ${flaw.what}`).join('; ')
}
