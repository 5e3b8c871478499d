import pino from 'pino'
import { journalPriority } from './systemd/journal-priority.ts'

/**
 * The log of a program: one JSON object a line, `time` in ISO 8601, `level` as a word.
 * Change `level` to follow a reload of the configuration.
 */
export type Logger = pino.Logger

/** Fields that never reach a log, whoever passes them, down to two levels deep. */
const SECRET_FIELDS = [
  'token',
  'tokens',
  'secret',
  'clientSecret',
  'authorization',
  'privateKey',
  'installationKey',
  'password',
]

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LogOptions {
  level: LogLevel
  /** Where lines go; standard output where it is left out. Tests pass their own. */
  destination?: pino.DestinationStream
}

/**
 * What JSON leaves as it is, and a terminal obeys: C1 controls, and marks that turn the direction of writing around.
 * Names and messages in a line are written by others.
 */
const UNSAFE_ON_TERMINALS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Escaped as JSON escapes, so that the line stays the same JSON. */
function escapeUnsafe(line: string): string {
  return line.replace(
    UNSAFE_ON_TERMINALS,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export function createLogger(options: LogOptions): Logger {
  const withPriority = journalPriority(1, process.env)
  // The first field of a line is its level.
  const prioritized = (line: string) =>
    options.destination === undefined
      ? withPriority(/^{"level":"([a-z]+)"/.exec(line)?.[1] ?? 'info', line)
      : line
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    redact: {
      paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
    serializers: { error: pino.stdSerializers.err },
    hooks: { streamWrite: line => prioritized(escapeUnsafe(line)) },
  }
  // Synchronous, so that the last lines before an end of the process are not lost.
  return pino(settings, options.destination ?? pino.destination({ fd: 1, sync: true }))
}
