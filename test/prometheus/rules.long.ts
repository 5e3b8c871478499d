// The rules in config/prometheus, judged by promtool: when each alert fires, and when it does not.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'

const folder = new URL('../../config/prometheus/', import.meta.url).pathname
const files = ['recording-rules.yaml', 'alert-rules.yaml']
const promtool = spawnSync('promtool', ['--version'])
const withPromtool = {
  skip: promtool.error === undefined ? false : 'promtool is not installed (Debian package prometheus)',
}

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<string, string>>
}

const alerts = readRules('alert-rules.yaml') as Alert[]

function readRules(file: string): unknown[] {
  return parse(readFileSync(join(folder, file), 'utf8')).groups.flatMap(
    ({ rules }: { rules: unknown[] }) => rules,
  )
}

/** What Prometheus has seen of one instance, a value a minute, in the notation of promtool. */
type Series = Readonly<Record<string, string>>

interface Story {
  readonly alert: string
  readonly series: Series
  /** Minutes at which it is silent, and at which it fires. */
  readonly silent: number[]
  readonly fires: number[]
  /** How `$value` is told then. */
  readonly value?: string
  /** Labels besides instance and job. */
  readonly labels?: Readonly<Record<string, string>>
}

/** `from` until the minute `at`, then `to`. */
function step(from: number | string, at: number, to: number | string, minutes = 60): string {
  return `${from}x${at - 1} ${to}x${minutes}`
}

const buckets = (le: string, perMinute: number) => ({
  [`sessiond_acquire_duration_seconds_bucket{le="${le}"}`]: `0+${perMinute}x60`,
})

const stories: Story[] = [
  { alert: 'SessiondDown', series: { up: step(1, 5, 0) }, silent: [4, 6], fires: [7] },
  {
    alert: 'SessiondRestarting',
    series: { process_start_time_seconds: '100 100 200 200 300 300x5 400x40' },
    silent: [10, 30],
    fires: [11],
    value: '3',
  },
  {
    alert: 'SessiondCallersRefused',
    series: {
      'sessiond_refusals_total{reason="limit-reached"}': '0x9 4x40',
      'sessiond_refusals_total{reason="draining"}': '0+9x40',
    },
    silent: [9, 16],
    fires: [11],
    value: '4',
  },
  {
    alert: 'SessiondUsageCritical',
    series: {
      'sessiond_usage_state{state="critical"}': '0x4 1x4 0x40',
      'sessiond_usage_state{state="full"}': '0x8 1x4 0x40',
      'sessiond_usage_state{state="warning"}': '1x40',
    },
    silent: [4, 5, 14],
    fires: [6, 11],
  },
  {
    alert: 'SessiondUsageWarning',
    series: { 'sessiond_usage_state{state="warning"}': '0x4 1x20 0x40' },
    silent: [9, 26],
    fires: [10],
  },
  {
    alert: 'SessiondFullSoon',
    series: {
      sessiond_seconds_until_full: step(100_000, 5, 600),
      sessiond_sessions_in_use: '90x60',
      sessiond_sessions_limit: step(100, 20, 90),
    },
    silent: [6, 20],
    fires: [7],
    value: '10m 0s',
  },
  {
    alert: 'SessiondApplicationFull',
    series: {
      'sessiond_application_sessions_in_use{application="ivr"}': step(2, 5, 3),
      'sessiond_application_sessions_max{application="ivr"}': '3x60',
      'sessiond_application_sessions_in_use{application="off"}': '0x60',
      'sessiond_application_sessions_max{application="off"}': '0x60',
      'sessiond_application_sessions_in_use{application="free"}': '9x60',
    },
    labels: { application: 'ivr' },
    silent: [9],
    fires: [10],
  },
  {
    alert: 'SessiondCallersMisconfigured',
    series: { 'sessiond_refusals_total{reason="feature-not-licensed"}': '0x9 0+3x40' },
    labels: { reason: 'feature-not-licensed' },
    silent: [10, 14],
    fires: [17],
  },
  {
    alert: 'SessiondLicenseAdmitsNothing',
    series: { sessiond_license_admits: step(1, 5, 0) },
    silent: [5],
    fires: [6],
  },
  {
    alert: 'SessiondLicenseInGrace',
    series: {
      'sessiond_license_state{state="grace"}': step(0, 5, 1),
      'sessiond_license_state{state="reactivation-overdue"}': '0x60',
      sessiond_license_admits: step(1, 20, 0),
    },
    silent: [9, 21],
    fires: [10],
  },
  {
    alert: 'SessiondLicenseExpiring',
    series: { sessiond_license_expiry_timestamp_seconds: step(20 * 86_400, 5, 10 * 86_400, 120) },
    silent: [64],
    fires: [65],
    value: '9d 22h 55m 0s',
  },
  {
    alert: 'SessiondReactivationFailing',
    series: { sessiond_reactivation_failures: '0x4 1x4 2x4 3x60' },
    silent: [40],
    fires: [45],
    value: '3',
  },
  {
    alert: 'SessiondJournalDegraded',
    series: { sessiond_journal_degraded: step(0, 5, 1) },
    silent: [5],
    fires: [6],
  },
  {
    alert: 'SessiondStateDegraded',
    series: { sessiond_state_degraded: step(0, 5, 1) },
    silent: [9],
    fires: [10],
  },
  {
    alert: 'SessiondSessionsLeaking',
    series: {
      'sessiond_releases_total{cause="released"}': '0+100x120',
      'sessiond_releases_total{cause="orphan-timeout"}': '0+1x30 30+20x90',
      'sessiond_releases_total{cause="dead-process"}': '0x120',
      'sessiond_releases_total{cause="operator"}': '0+50x120',
    },
    silent: [30],
    fires: [75],
  },
  {
    alert: 'SessiondSlow',
    series: { ...buckets('0.01', 100), ...buckets('0.1', 200), ...buckets('+Inf', 200) },
    silent: [9],
    fires: [20],
    value: '98.2ms',
  },
  {
    alert: 'SessiondLoopLate',
    series: {
      'sessiond_event_loop_lag_seconds_bucket{le="0.1"}': '0+500x60',
      'sessiond_event_loop_lag_seconds_bucket{le="0.25"}': '0+600x60',
      'sessiond_event_loop_lag_seconds_bucket{le="+Inf"}': '0+600x60',
    },
    silent: [9],
    fires: [20],
    value: '241ms',
  },
  {
    alert: 'SessiondConnectionsNearLimit',
    series: { sessiond_connections: step(90, 5, 95), sessiond_connections_max: '100x60' },
    silent: [9],
    fires: [10],
    value: '95',
  },
]

/** A healthy daemon, of which no alert may fire. */
const health: Series = {
  up: '1x180',
  process_start_time_seconds: '1000x180',
  'sessiond_refusals_total{reason="limit-reached"}': '7x180',
  'sessiond_usage_state{state="safe"}': '1x180',
  'sessiond_usage_state{state="warning"}': '0x180',
  'sessiond_usage_state{state="critical"}': '0x180',
  'sessiond_usage_state{state="full"}': '0x180',
  sessiond_seconds_until_full: '100000x90 4000x90',
  sessiond_sessions_in_use: '50x180',
  sessiond_sessions_limit: '100x180',
  sessiond_license_admits: '1x180',
  'sessiond_license_state{state="active"}': '1x180',
  'sessiond_license_state{state="grace"}': '0x180',
  sessiond_license_expiry_timestamp_seconds: '31536000x180',
  sessiond_reactivation_failures: '0x10 1x180',
  sessiond_journal_degraded: '0x180',
  sessiond_state_degraded: '0x10 1x3 0x170',
  'sessiond_releases_total{cause="released"}': '0+60x180',
  'sessiond_releases_total{cause="orphan-timeout"}': '0+1x180',
  'sessiond_acquire_duration_seconds_bucket{le="0.001"}': '0+100x180',
  'sessiond_acquire_duration_seconds_bucket{le="+Inf"}': '0+100x180',
  'sessiond_event_loop_lag_seconds_bucket{le="0.001"}': '0+600x180',
  'sessiond_event_loop_lag_seconds_bucket{le="+Inf"}': '0+600x180',
  sessiond_connections: '80x180',
  sessiond_connections_max: '100x180',
}

const origin = { instance: 'host:7789', job: 'sessiond' }

function inputOf(series: Series): { series: string; values: string }[] {
  return Object.entries(series).map(([name, values]) => {
    const [, metric, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(name)!
    const all = [labels, ...Object.entries(origin).map(([label, value]) => `${label}="${value}"`)]
    return { series: `${metric}{${all.filter(each => each !== '').join(',')}}`, values }
  })
}

/** Annotations as Prometheus writes them out. */
function written({ annotations }: Alert, { labels = {}, value = '' }: Story): Record<string, string> {
  const all: Record<string, string> = { ...origin, ...labels }
  return Object.fromEntries(
    Object.entries(annotations).map(([name, text]) => [
      name,
      text
        .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => all[label] ?? 'no such label')
        .replaceAll(/\{\{ \$value.*? \}\}/g, value),
    ]),
  )
}

function testOf(story: Story): object {
  const rule = alerts.find(({ alert }) => alert === story.alert)!
  const firing = {
    exp_labels: { severity: rule.labels.severity, ...origin, ...story.labels },
    exp_annotations: written(rule, story),
  }
  const at = (minutes: number, exp_alerts: object[]) => ({
    eval_time: `${minutes}m`,
    alertname: story.alert,
    exp_alerts,
  })
  return {
    interval: '1m',
    input_series: inputOf(story.series),
    alert_rule_test: [
      ...story.silent.map(minutes => at(minutes, [])),
      ...story.fires.map(minutes => at(minutes, [firing])),
    ],
  }
}

/** Has promtool judge stories; gives what it complains about. */
function judge(testFolder: string, tests: object[]): string {
  const file = join(testFolder, 'stories.yaml')
  const rule_files = files.map(name => join(folder, name))
  writeFileSync(file, stringify({ rule_files, evaluation_interval: '1m', tests }))
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })
  return status === 0 ? '' : `${stdout}${stderr}`
}

t.test('promtool understands the rules', withPromtool, async t => {
  const paths = files.map(name => join(folder, name))
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', ...paths], { encoding: 'utf8' })
  t.equal(status, 0, `${stdout}${stderr}`)
  // Its configuration is only a part of one, but a whole one needs no more.
  const scrape = join(t.testdir(), 'prometheus.yml')
  const text = readFileSync(join(folder, 'scrape.yaml'), 'utf8')
  writeFileSync(scrape, text.replaceAll(/^ {2}- (\S+rules\.yaml)$/gm, `  - ${folder}$1`))
  const config = spawnSync('promtool', ['check', 'config', scrape], { encoding: 'utf8' })
  t.equal(config.status, 0, `${config.stdout}${config.stderr}`)
})

t.test('every alert fires when it must, and not before', withPromtool, async t => {
  t.strictSame(stories.map(({ alert }) => alert).sort(), alerts.map(({ alert }) => alert).sort())
  t.equal(judge(t.testdir(), stories.map(testOf)), '')
})

t.test('no alert fires for a healthy daemon', withPromtool, async t => {
  const silent = alerts.flatMap(({ alert: alertname }) =>
    [5, 60, 180].map(minutes => ({ eval_time: `${minutes}m`, alertname, exp_alerts: [] })),
  )
  const test = { interval: '1m', input_series: inputOf(health), alert_rule_test: silent }
  t.equal(judge(t.testdir(), [test]), '')
})

t.test('what is worked out once', withPromtool, async t => {
  const series: Series = {
    sessiond_sessions_in_use: '30x20',
    sessiond_sessions_recent_peak: '60x20',
    sessiond_sessions_limit: '120x20',
    sessiond_grants_total: '0+180x20',
    'sessiond_refusals_total{reason="limit-reached"}': '0+60x20',
    'sessiond_refusals_total{reason="unlicensed"}': '0x20',
    ...buckets('0.001', 100),
    ...buckets('+Inf', 100),
  }
  const expected = {
    'instance:sessiond_sessions_in_use:ratio': 0.25,
    'instance:sessiond_sessions_recent_peak:ratio': 0.5,
    'instance:sessiond_refusals:rate5m': 1,
    'instance:sessiond_acquires:rate5m': 4,
    'instance:sessiond_refusals:ratio_rate5m': 0.25,
    'instance:sessiond_acquire_duration_seconds:p99_5m': 0.00099,
  }
  const labels = `{instance="${origin.instance}", job="${origin.job}"}`
  const promql_expr_test = Object.entries(expected).map(([expr, value]) => ({
    expr,
    eval_time: '15m',
    exp_samples: [{ labels: `${expr}${labels}`, value }],
  }))
  const test = { interval: '1m', input_series: inputOf(series), promql_expr_test }
  t.equal(judge(t.testdir(), [test]), '')
})

t.test('a rule that is wrong is noticed', withPromtool, async t => {
  const [first] = stories
  t.match(judge(t.testdir(), [testOf({ ...first!, fires: [6] })]), /FAILED/)
})

t.test('rules speak of metrics that docs/monitoring.md tells of', async t => {
  const manual = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')
  const known = new Set([...manual.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name))
  const recorded = new Set(
    (readRules('recording-rules.yaml') as { record: string }[]).map(({ record }) => record),
  )
  const text = files
    .flatMap(file => (readRules(file) as { expr: string }[]).map(({ expr }) => expr))
    .join('\n')
  for (const [name] of text.matchAll(/\b(?:instance:)?(?:sessiond|process)_[\w:]+/g)) {
    t.ok(recorded.has(name) || known.has(name.replace(/_bucket$/, '')), name)
  }
})

t.test('every alert has its section in the runbook, and every section its alert', async t => {
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')
  const sections = new Map(
    runbook
      .split(/^## /m)
      .slice(1)
      .map(section => [section.slice(0, section.indexOf('\n')), section]),
  )
  t.strictSame([...sections.keys()].sort(), alerts.map(({ alert }) => alert).sort())
  for (const { alert, annotations } of alerts) {
    t.equal(annotations['runbook'], `docs/runbook.md#${alert.toLowerCase()}`)
    const section = sections.get(alert) ?? ''
    for (const part of ['**Means.** ', '**Callers feel.** ', '**Do.**'])
      t.ok(section.includes(part), `${alert}: ${part}`)
    t.match(section, /`[a-z]+ [^`]+`|^```sh$/m, `${alert} names a command`)
  }
})

t.test('the runbook names commands that there are', async t => {
  const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const manual = read('cli.md')
  const commands = [...read('runbook.md').matchAll(/\bsessionctl ([a-z]+(?: [a-z]+)?)/g)].map(
    ([, name]) => name!,
  )
  t.ok(commands.length > 10)
  for (const name of new Set(commands)) t.ok(manual.includes(`sessionctl ${name}`), `sessionctl ${name}`)
})
