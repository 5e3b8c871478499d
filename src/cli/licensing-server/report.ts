import { statSync } from 'node:fs'
import type { CheckedUsageReport } from '../../licensing-server/check-usage-report.ts'
import { usageReportMaxBytes } from '../../report/signed/document.ts'
import { usageReportProblem } from '../../report/signed/problems.ts'
import { summarize } from '../../report/summary.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile } from '../files.ts'
import { commandGroup } from '../program.ts'
import { type Desk, ledgerCommand, tell } from './ledger-command.ts'
import { usageReportLines } from './report-view.ts'

const verify = ledgerCommand({
  command: 'verify <file>',
  describe: 'Verify a usage report that a machine of the ledger has signed, and show its figures',
  builder: argv =>
    argv.positional('file', { type: 'string', demandOption: true, describe: 'The signed report' }),
  async run(desk, args) {
    const checked = await check(desk, desk.terminal.resolve(args.file))
    if (!checked.ok) {
      const { problem } = checked
      if (args.json) desk.terminal.printJson(checked)
      desk.terminal.say(`Refused: ${problem.message} (${problem.code})`)
      desk.terminal.say(`hint: ${problem.hint}`)
      return exitCode.negative
    }
    const { report, jkt, installation } = checked
    const summary = summaryOf(checked)
    const { hostname, version, madeAt } = report
    const { installationId, customerId } = installation
    const signed = { installationId, customerId, jkt, hostname, version, madeAt }
    return tell(desk, args, { ok: true, signed, ...summary }, usageReportLines(signed, summary))
  },
})

async function check({ store }: Desk, file: string): Promise<CheckedUsageReport> {
  // A file that is far too large is not even read.
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (bytes > usageReportMaxBytes) {
    const problem = usageReportProblem('usage-report-too-large', { bytes, maxBytes: usageReportMaxBytes })
    return { ok: false, problem }
  }
  const text = readOperatorFile(file)
  const { checkUsageReport } = await import('../../licensing-server/check-usage-report.ts')
  return checkUsageReport(store, text)
}

/** Everything but the rows is worked out here, whatever the machine made of them. */
function summaryOf({ report }: Extract<CheckedUsageReport, { ok: true }>) {
  const { by, rows } = report
  return summarize({
    from: Date.parse(report.from),
    to: Date.parse(report.to),
    by,
    application: null,
    rows,
    hours: by === 'hour' ? rows : [],
    limit: rows.at(-1)?.figures.limit?.high ?? null,
  })
}

export const report = commandGroup('report', 'Usage reports that machines have signed', [verify])
