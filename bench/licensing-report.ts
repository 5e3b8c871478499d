import type { Spread } from './report.ts'

/** What was measured of one ledger; rates beside that of signing. */
export interface Row {
  ledger: string
  reactivationsPerSecond: Spread
  ofSigning: Spread
  /** What it would be if no core ever stood still nor did anything else: by the processor time of each. */
  ofSigningByProcessor: Spread
  /** The same of the bare servers. */
  bareOfSigning: Spread
  bareOfSigningByProcessor: Spread
  cpuMs: { servers: Spread; database: Spread | null; machines: Spread }
  p50Ms: Spread
  p99Ms: Spread
  eventBytes: number
}

export function printLicensing(
  limit: { signaturesPerSecond: Spread; cpuMs: Spread },
  rows: readonly Row[],
  { cores, servers }: { cores: number; servers: number },
): void {
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const ms = ({ median }: Spread) => `${median.toFixed(2)} ms`
  const signed = limit.signaturesPerSecond.median.toFixed(0)
  say(`signatures alone, ${cores} threads: ${signed} a second, processor ${ms(limit.cpuMs)} each`)
  const percent = ({ median, spread }: Spread) =>
    `${(median * 100).toFixed(0)} ± ${(spread * 100).toFixed(0)} %`
  for (const row of rows) {
    const { ledger, reactivationsPerSecond, cpuMs, p50Ms, p99Ms, eventBytes } = row
    const rate = reactivationsPerSecond.median.toFixed(0)
    const database = cpuMs.database === null ? '' : `, database ${ms(cpuMs.database)}`
    say(`${ledger}, ${servers} servers: ${rate} reactivations a second, ${percent(row.ofSigning)} of it`)
    say(`  by processor time, as if no core stood still: ${percent(row.ofSigningByProcessor)}`)
    say(`  bare servers, which do only what none could do without: ${percent(row.bareOfSigning)} of it`)
    say(`  the same by processor time: ${percent(row.bareOfSigningByProcessor)}`)
    say(`  processor each: servers ${ms(cpuMs.servers)}${database}, machines ${ms(cpuMs.machines)}`)
    say(
      `  answered within ${ms(p50Ms)} (median), ${ms(p99Ms)} (99 %); ${eventBytes.toFixed(0)} bytes of events each`,
    )
  }
}
