import type { Config } from '../../daemon/config/schema.ts'
import { historyFileOf } from '../../daemon/databases.ts'
import { readHistory } from '../../daemon/history/database.ts'
import { Fault } from '../../errors.ts'
import { type Span, spanNames } from '../../report/spans.ts'
import { maxPoints, pointsOf, type Summary, summarize } from '../../report/summary.ts'
import { isThere } from '../../who-may.ts'
import { exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { instantOf } from './instant.ts'
import { reportCsv } from './report-csv.ts'
import { type FoundReport, writeReportPage, writeSignedReport } from './report-file.ts'
import { reportLines } from './report-view.ts'

export const report = defineCommand({
  command: 'report',
  describe: 'Show what was in use, granted and refused over time, and how many sessions that load needs',
  builder: argv =>
    withDaemonFlags(argv)
      .option('from', {
        type: 'string',
        requiresArg: true,
        default: '7d',
        describe: 'Where it begins: a date such as 2026-11-24, or an age such as 2h or 7d',
      })
      .option('to', { type: 'string', requiresArg: true, describe: 'Where it ends, likewise; else now' })
      .option('application', {
        alias: 'a',
        type: 'string',
        requiresArg: true,
        describe: 'Only that application',
      })
      .option('by', {
        choices: spanNames,
        describe: 'The length of a line; else what suits the time: minutes for 3 h, hours for 14 days, days',
      })
      .option('utc', { type: 'boolean', default: false, describe: 'Times in UTC, not of this machine' })
      .option('csv', { type: 'boolean', default: false, describe: 'Print CSV' })
      .option('html', {
        type: 'string',
        requiresArg: true,
        describe: 'Writes it there as a page with charts, one file that needs nothing else',
      })
      .option('sign', {
        type: 'string',
        requiresArg: true,
        describe: 'Writes the rows there, signed with the key of this machine, for the vendor',
      })
      .option('force', { type: 'boolean', default: false, describe: 'Replaces a file that is there' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .conflicts('sign', ['application', 'html']),
  async run(args, terminal) {
    if (args.csv && args.json) {
      throw new Fault('usage', '--csv and --json exclude each other.', { hint: 'Name one of them.' })
    }
    const { config } = findConfig(args, terminal)
    const now = Date.now()
    const from = instantOf('--from', args.from, now, args.utc)
    const to = args.to === undefined ? now : instantOf('--to', args.to, now, args.utc)
    const by = args.by ?? spanFor(to - from)
    const found = reportOf(config, { from, to, by, application: args.application ?? null })
    const { summary } = found
    if (args.html !== undefined || args.sign !== undefined) {
      const file = terminal.resolve((args.html ?? args.sign)!)
      const write = args.html === undefined ? writeSignedReport : writeReportPage
      await write(config, found, { file, force: args.force, now })
      if (args.json) terminal.printJson({ file })
      terminal.say(`The report is in ${file}.`)
      return exitCode.ok
    }
    if (args.json) terminal.printJson(summary)
    else if (args.csv) for (const line of reportCsv(summary)) terminal.print(line)
    else for (const line of reportLines(summary, { now, utc: args.utc, terminal })) terminal.print(line)
    return exitCode.ok
  },
})

/**
 * Reads the history and makes the report of it; the daemon need not run.
 *
 * @throws {Fault} `usage`, `history-not-found`, `not-permitted`, `history-not-usable`, `history-too-new`
 */
export function reportOf(
  { stateDirectory }: Pick<Config, 'stateDirectory'>,
  asked: Pick<Summary, 'from' | 'to' | 'by' | 'application'>,
): FoundReport {
  const { from, to, by } = asked
  if (from >= to) throw new Fault('usage', '--from must be before --to.', { hint: 'For example: --from 7d' })
  if (pointsOf(asked) > maxPoints) {
    throw new Fault('usage', `That would be more than ${maxPoints} lines.`, {
      hint: 'Shorten the time with --from and --to, or take --by day.',
    })
  }
  const file = historyFileOf(stateDirectory)
  if (!isThere(file)) {
    throw new Fault('history-not-found', `There is no usage history in ${stateDirectory}.`, {
      hint: 'sessiond begins it at its start, where history.enabled is true. If it runs, name its configuration: --config FILE',
    })
  }
  return readHistory(file, reader => {
    // Rows begin before what they hold: the one that `from` lies in belongs to it.
    const rows = (span: Span) => reader.rows(span, from - 86_400_000, to + 86_400_000)
    const limit = reader.latest('minute')?.figures.limit?.high ?? null
    const hours = rows('hour')
    const own = by === 'hour' ? hours : rows(by)
    return { summary: summarize({ ...asked, rows: own, hours, limit }), rows: own, hours }
  })
}

function spanFor(ms: number): Span {
  if (ms <= 3 * 3_600_000) return 'minute'
  return ms <= 14 * 86_400_000 ? 'hour' : 'day'
}
