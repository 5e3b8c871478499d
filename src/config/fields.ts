import Type from 'typebox'

// Parts of which the configurations of the programs are made. The annotations are those of SchemaNode.

export const strict = { additionalProperties: false } as const

export function wholeNumber(fallback: number, minimum: number, maximum: number, description: string) {
  const expects = `a whole number from ${minimum} to ${maximum}`
  return Type.Integer({ default: fallback, minimum, maximum, description, expects })
}

export function wholeNumberOrNull(minimum: number, maximum: number, description: string) {
  const expects = `a whole number from ${minimum} to ${maximum}, or null`
  const number = Type.Integer({ minimum, maximum })
  return Type.Union([number, Type.Null()], { default: null, description, expects })
}

export function filePath(fallback: string, description: string) {
  const expects = 'the path of a file'
  return Type.String({ default: fallback, minLength: 1, maxLength: 4096, description, expects, path: true })
}

export function filePathOrNull(description: string) {
  const text = Type.String({ minLength: 1, maxLength: 4096 })
  const expects = 'the path of a file, or null'
  return Type.Union([text, Type.Null()], { default: null, description, expects, path: true })
}

export function folderPath(fallback: string, description: string) {
  const expects = 'the path of a folder'
  return Type.String({ default: fallback, minLength: 1, maxLength: 4096, description, expects, path: true })
}

/** The two files of a certificate. Both must be named. */
export const Tls = Type.Object(
  {
    certFile: Type.String({
      minLength: 1,
      maxLength: 4096,
      path: true,
      expects: 'the path of a file',
      description: 'Certificate chain of the TCP listener, PEM.',
    }),
    keyFile: Type.String({
      minLength: 1,
      maxLength: 4096,
      path: true,
      expects: 'the path of a file',
      description: 'Private key of the TCP listener, PEM.',
    }),
  },
  strict,
)

export function host(description: string) {
  return Type.String({
    default: '127.0.0.1',
    pattern: '^[A-Za-z0-9:.-]{1,253}$',
    expects: "the address of an interface such as '127.0.0.1'",
    description,
  })
}

/** The listener that serves metrics and probes. */
export function operations(port: number) {
  return Type.Object(
    {
      enabled: Type.Boolean({
        default: true,
        expects: 'true or false',
        description: 'Whether /metrics is served, with /healthz and /readyz, on a listener of its own.',
      }),
      host: host('Address of that listener. Who can reach it can read the metrics.'),
      port: wholeNumber(port, 0, 65_535, 'TCP port of that listener; 0 takes a free one.'),
    },
    strict,
  )
}

export const Log = Type.Object(
  {
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      default: 'info',
      expects: 'one of trace, debug, info, warn, error, fatal, silent',
      description: 'The least severe events that are logged.',
    }),
  },
  strict,
)
