import type { AuditTrail, ChainReport } from '../../daemon/audit/trail.ts'
import { Fault } from '../../errors.ts'
import { counted } from '../counted.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { auditLines, headText } from './audit-view.ts'
import { secondsOf } from './duration.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { withState } from './read-state.ts'

const MAX_SHOWN = 100_000

export const audit = defineCommand({
  command: 'audit',
  describe: 'Show who changed what and when: licenses, configuration, states, released sessions',
  builder: argv =>
    withDaemonFlags(argv)
      .option('since', {
        type: 'string',
        requiresArg: true,
        describe: 'Only events since then: a date such as 2026-11-24, or an age such as 2h or 7d',
      })
      .option('limit', {
        type: 'number',
        requiresArg: true,
        default: 200,
        describe: 'Most that are shown, the newest ones',
      })
      .option('verify', {
        type: 'boolean',
        default: false,
        describe: 'Instead: whether any event was changed or removed',
      })
      .option('expect', {
        type: 'string',
        requiresArg: true,
        implies: 'verify',
        describe: 'With --verify: NUMBER:HASH of an event that was noted earlier, which must still be there',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    if (args.verify) {
      const expected = args.expect === undefined ? null : expectedOf(args.expect)
      const checked = withState(config, terminal, state => state.audit(trail => check(trail, expected)))
      return tellCheck(checked, args.json, terminal)
    }
    if (!Number.isInteger(args.limit) || args.limit < 1 || args.limit > MAX_SHOWN) {
      throw new Fault('usage', `--limit must be a whole number from 1 to ${MAX_SHOWN}.`, {
        hint: 'Try --limit 200',
      })
    }
    const since = args.since === undefined ? 0 : instantOf(args.since, Date.now())
    const events = withState(config, terminal, state => state.audit(trail => trail.read(since, args.limit)))
    if (args.json) {
      terminal.printJson({
        events: events.map(event => ({ ...event, at: new Date(event.at).toISOString() })),
      })
    } else for (const line of auditLines(events)) terminal.print(line)
    return exitCode.ok
  },
})

interface Expected {
  readonly number: number
  readonly hash: string
}

interface Checked {
  readonly report: ChainReport
  /** What became of the event that was noted: null where none was named. */
  readonly expected: 'there' | 'changed' | 'gone' | null
}

function check(trail: AuditTrail, expected: Expected | null): Checked {
  const report = trail.verify()
  if (expected === null) return { report, expected: null }
  const has = trail.hasHash(expected.number, expected.hash)
  return { report, expected: has === null ? 'gone' : has ? 'there' : 'changed' }
}

function tellCheck({ report, expected }: Checked, json: boolean, terminal: Terminal): ExitCode {
  const ok = report.ok && (expected === null || expected === 'there')
  if (json) terminal.printJson({ intact: ok, ...report, expected })
  else if (!report.ok) terminal.print(`Broken: ${report.why}.`)
  else {
    const removed =
      report.anchor.number === 0 ? '' : ` The ${report.anchor.number} before them were removed by age.`
    terminal.print(`Intact: ${counted(report.events, 'event')}, each built on the one before.${removed}`)
    terminal.print(`Last: ${headText(report.head)}`)
  }
  if (!json && expected === 'changed')
    terminal.print('The noted event was changed, or another stands in its place.')
  if (!json && expected === 'gone')
    terminal.print('The noted event is not there: removed by age, or the trail was begun anew.')
  return ok ? exitCode.ok : exitCode.negative
}

function expectedOf(text: string): Expected {
  const [, number, hash] = /^([0-9]{1,12}):([A-Za-z0-9_-]{43})$/.exec(text) ?? []
  if (number !== undefined && hash !== undefined) return { number: Number(number), hash }
  throw new Fault('usage', '--expect must be NUMBER:HASH.', {
    hint: 'As an earlier `sessionctl audit --verify` printed it behind "Last:".',
  })
}

function instantOf(text: string, now: number): number {
  if (/^[0-9]+[smhd]?$/.test(text)) return now - secondsOf('--since', text) * 1000
  const instant = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(instant)) return instant
  throw new Fault('usage', `--since is neither a date nor an age: ${JSON.stringify(text)}.`, {
    hint: 'For example: --since 2026-11-24, --since 2026-11-24T08:00:00Z or --since 7d',
  })
}
