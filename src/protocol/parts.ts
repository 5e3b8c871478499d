import Type from 'typebox'

// Parts of which the schemas of the wire are made.

export const closed = { additionalProperties: false } as const

export const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const count = (description: string) => Type.Integer({ minimum: 0, description })

export const Key = Type.String({
  pattern: '^[\\x21-\\x7e]{1,128}$',
  description: "The caller's own name for the session (its call id): printable ASCII without spaces.",
})

export const ApplicationName = Type.String({
  pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$',
  description: 'The application under which a session is counted.',
})
