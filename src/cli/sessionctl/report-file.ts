import { hostname } from 'node:os'
import type { Config } from '../../daemon/config/schema.ts'
import { loadMachineKey } from '../../daemon/machine/machine-key.ts'
import { Fault } from '../../errors.ts'
import { licenseMaxBytes, licenseType, readLicensePayload } from '../../license/document.ts'
import { parseJws } from '../../license/jws.ts'
import { type Bucket, ofApplication } from '../../report/figures.ts'
import { reportPage } from '../../report/html/page.ts'
import { createUsageReport } from '../../report/signed/document.ts'
import { hoursWithin, type Summary } from '../../report/summary.ts'
import { writeFileAtomically } from '../files.ts'
import { programVersion } from '../version.ts'
import { readLicenseFile } from './license-context.ts'
import { machineDirectory } from './this-machine.ts'

/** A report with the rows that it was made of; some of them may lie outside of it. */
export interface FoundReport {
  readonly summary: Summary
  readonly rows: readonly Bucket[]
  readonly hours: readonly Bucket[]
}

export interface FileWish {
  readonly file: string
  /** Whether a file that is there is replaced. */
  readonly force: boolean
  readonly now: number
}

export async function writeReportPage(
  config: Config,
  { summary, hours }: FoundReport,
  wish: FileWish,
): Promise<void> {
  const { application } = summary
  const own = hoursWithin(summary, hours).map(({ start, figures }) => ({
    start,
    figures: application === null ? figures : ofApplication(figures, application),
  }))
  const page = reportPage({
    summary,
    hours: own,
    hostname: hostname(),
    installationId: installationIdOf(config),
    madeAt: wish.now,
    madeBy: `sessionctl ${programVersion()}`,
  })
  writeFileAtomically(wish.file, page, { mode: 0o644, isNew: !wish.force })
}

/** @throws {Fault} `installation-unknown`, `machine-key-missing`, and those of the key and of the report */
export async function writeSignedReport(
  config: Config,
  { summary, rows }: FoundReport,
  wish: FileWish,
): Promise<void> {
  const installationId = installationIdOf(config)
  if (installationId === null) {
    throw new Fault('installation-unknown', 'This machine has no license that names its installation.', {
      hint: 'Activate it first: sessionctl activate. A report without a signature: --html FILE, --csv',
    })
  }
  const key = await loadMachineKey(machineDirectory(config))
  if (key === null) {
    throw new Fault('machine-key-missing', `There is no machine key in ${machineDirectory(config)}.`, {
      hint: 'sessiond makes it at its first start. Is this its configuration? Name it: --config FILE',
    })
  }
  const { from, to, by } = summary
  const about = { installationId, hostname: hostname(), version: config.product.version }
  const content = { from, to, by, ...about, rows: within(summary, rows) }
  const text = await createUsageReport(content, { privateKey: key.privateKey, now: wish.now })
  writeFileAtomically(wish.file, `${text}\n`, { mode: 0o644, isNew: !wish.force })
}

function within({ from, to }: Summary, rows: readonly Bucket[]): Bucket[] {
  return rows.filter(({ start }) => start >= from && start < to)
}

/** As the installed license says; not verified, since the vendor holds it against the key that signs. */
function installationIdOf(config: Config): string | null {
  const text = readLicenseFile(config.license.file)
  if (text === null) return null
  const jws = parseJws(text, {
    type: licenseType,
    algorithm: 'PS256',
    parameters: ['alg', 'typ', 'x5c'],
    maxBytes: licenseMaxBytes,
  })
  const reading = jws.ok ? readLicensePayload(jws.payload) : null
  return reading?.ok === true ? reading.license.installationId : null
}
