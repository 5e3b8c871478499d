import type { UsageReport } from '../report/signed/document.ts'
import { verifyUsageReport } from '../report/signed/document.ts'
import { type UsageReportProblem, usageReportProblem } from '../report/signed/problems.ts'
import type { Installation } from './ledger/model.ts'
import type { LedgerReader } from './store/store.ts'

export type CheckedUsageReport =
  | { ok: true; report: UsageReport; jkt: string; installation: Installation }
  | { ok: false; problem: UsageReportProblem }

/** Verifies a signed report, and that the machine which the ledger knows by its key has signed it. */
export async function checkUsageReport(
  store: Pick<LedgerReader, 'situation'>,
  text: string | Uint8Array,
): Promise<CheckedUsageReport> {
  const verdict = await verifyUsageReport(text)
  if (!verdict.ok) return verdict
  const { report, jkt } = verdict
  const { installationId } = report
  const situation = await store.situation(installationId)
  if (situation === null) {
    return { ok: false, problem: usageReportProblem('usage-report-installation-unknown', { installationId }) }
  }
  const { installation } = situation
  if (installation.jkt !== jkt) {
    const of = { installationId, jkt, expected: installation.jkt }
    return { ok: false, problem: usageReportProblem('usage-report-other-machine', of) }
  }
  return { ok: true, report, jkt, installation }
}
