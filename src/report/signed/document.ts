import type { KeyObject } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Fault } from '../../errors.ts'
import { lazily } from '../../lazily.ts'
import { count, flawsOf, instant, label, type PayloadFlaw, uuid } from '../../license/fields.ts'
import { formatInstant, parseInstant } from '../../license/instant.ts'
import { openMachineDocument, signAsMachine } from '../../license/machine-document.ts'
import type { Bucket } from '../figures.ts'
import { type Span, spans } from '../spans.ts'
import { type UsageReportProblem, usageReportProblem, usageReportProblemOfFlaw } from './problems.ts'

export const usageReportType = 'usage-report+jws'
export const usageReportSchemaVersion = 1
/** A year of hours of a few applications has about 5 MiB. */
export const usageReportMaxBytes = 8 * 1024 * 1024
export const usageReportMaxRows = 20_000

const amount = count(0, Number.MAX_SAFE_INTEGER)
/** A reason or a cause. */
const Word = '^[a-z][a-z0-9-]{0,62}$'
/** As the protocol has them, or the name under which all others are told. */
const ApplicationName = '^(?:[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}|_other)$'
const closed = { additionalProperties: false }
/** Names that are not of the pattern are refused with all others, not only left unchecked. */
const counts = Type.Record(Type.String({ pattern: Word }), amount, { ...closed, maxProperties: 64 })

const ReportFigures = Type.Object(
  {
    observedMs: amount,
    inUseMs: amount,
    fullMs: amount,
    peak: amount,
    limit: Type.Union([Type.Object({ low: amount, high: amount }, closed), Type.Null()]),
    granted: amount,
    refused: counts,
    released: counts,
    applications: Type.Record(
      Type.String({ pattern: ApplicationName }),
      Type.Object({ inUseMs: amount, peak: amount, granted: amount, refused: amount }, closed),
      { ...closed, maxProperties: 64 },
    ),
  },
  closed,
)

/**
 * The usage of one machine as it says it: rows of figures, from which totals are added up by whoever reads them. It
 * holds no total of its own that could say otherwise. Unknown fields beside the rows are tolerated, as in requests.
 */
export const UsageReportPayload = Type.Object({
  schema: Type.Literal(usageReportSchemaVersion),
  /** By the machine's own clock. */
  madeAt: instant,
  from: instant,
  to: instant,
  by: Type.Union([Type.Literal('minute'), Type.Literal('hour'), Type.Literal('day')]),
  installationId: uuid,
  hostname: label,
  version: label,
  /** Those in which sessiond ran, oldest first; `start` in milliseconds since the epoch. */
  rows: Type.Array(Type.Object({ start: amount, figures: ReportFigures }, closed), {
    maxItems: usageReportMaxRows,
  }),
})
export type UsageReport = Static<typeof UsageReportPayload>

export interface UsageReportContent {
  /** Milliseconds since the epoch; `to` is not included. */
  readonly from: number
  readonly to: number
  readonly by: Span
  readonly installationId: string
  readonly hostname: string
  readonly version: string
  readonly rows: readonly Bucket[]
}

/** More than header and signature have. */
const envelopeBytes = 1024

const validator = lazily(() => Compile(UsageReportPayload))

/**
 * Signs the rows with the machine's key. `now` in milliseconds since the epoch.
 *
 * @throws {Fault} `usage-report-too-long`, `usage-report-content-invalid`
 */
export async function createUsageReport(
  content: UsageReportContent,
  { privateKey, now }: { privateKey: KeyObject; now: number },
): Promise<string> {
  const { from, to } = content
  const payload = {
    schema: usageReportSchemaVersion,
    madeAt: formatInstant(now),
    ...content,
    from: formatInstant(from),
    to: formatInstant(to),
  }
  if (content.rows.length > usageReportMaxRows) throw tooLong(`${content.rows.length} rows`)
  // Before all that costs more; base64url makes four characters of three bytes.
  const bytes = envelopeBytes + Math.ceil((Buffer.byteLength(JSON.stringify(payload)) * 4) / 3)
  if (bytes > usageReportMaxBytes) throw tooLong(`${bytes} bytes`)
  const flaws = flawsIn(payload)
  if (flaws.length > 0) {
    const [flaw] = flaws
    throw new Fault(
      'usage-report-content-invalid',
      `The report cannot be signed: ${flaw!.path} ${flaw!.what}.`,
    )
  }
  return signAsMachine(payload, { type: usageReportType, privateKey })
}

function tooLong(what: string): Fault {
  return new Fault(
    'usage-report-too-long',
    `The report would have ${what}; signed ones have at most ${usageReportMaxRows} rows and ${usageReportMaxBytes} bytes.`,
    { hint: 'Take longer spans or a shorter time: --by day, --from.' },
  )
}

export type UsageReportVerdict =
  | {
      ok: true
      report: UsageReport
      /** Thumbprint of the key that signed it. */
      jkt: string
    }
  | { ok: false; problem: UsageReportProblem }

/**
 * Verifies that a report was signed by the key that it carries, and that its rows are ones that can be added up. Whose
 * key that is, the ledger says. Never throws for what the text holds.
 */
export async function verifyUsageReport(text: string | Uint8Array): Promise<UsageReportVerdict> {
  const opened = await openMachineDocument(text, { type: usageReportType, maxBytes: usageReportMaxBytes })
  if (!opened.ok) {
    return { ok: false, problem: usageReportProblemOfFlaw(opened.flaw, usageReportMaxBytes, usageReportType) }
  }
  const { payload, jkt } = opened
  const schema = (payload as { schema?: unknown } | null | undefined)?.schema
  if (typeof schema === 'number' && schema > usageReportSchemaVersion) {
    const known = usageReportSchemaVersion
    return { ok: false, problem: usageReportProblem('usage-report-schema-too-new', { schema, known }) }
  }
  const flaws = flawsIn(payload)
  if (flaws.length > 0) {
    return { ok: false, problem: usageReportProblem('usage-report-payload-invalid', { flaws }) }
  }
  return { ok: true, report: payload as UsageReport, jkt }
}

function flawsIn(payload: unknown): PayloadFlaw[] {
  if (!validator().Check(payload)) return flawsOf(validator().Errors(payload))
  const { from, to, madeAt, by, rows } = payload
  for (const [name, text] of Object.entries({ from, to, madeAt })) {
    if (parseInstant(text) === null) return [{ path: `/${name}`, what: 'must be a day of the calendar' }]
  }
  let least = parseInstant(from)!
  const end = parseInstant(to)!
  if (end < least) return [{ path: '/to', what: 'must not be before /from' }]
  for (const [index, { start }] of rows.entries()) {
    // A row that stood there twice would count twice.
    if (start < least || start >= end || start % spans[by] !== 0) {
      return [{ path: `/rows/${index}`, what: `must begin a ${by} of the period, after the row before it` }]
    }
    least = start + spans[by]
  }
  return []
}
