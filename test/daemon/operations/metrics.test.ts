// What a real daemon tells a scraper, against what was done to it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import t from 'tap'
import { lifecycleStates } from '../../../src/license/lifecycle.ts'
import { REFUSAL_REASONS } from '../../../src/protocol/codes.ts'
import { type DaemonHere, openAs, startHere } from '../../support/daemon.ts'
import { Site } from '../../support/site.ts'
import { until } from '../../support/until.ts'
import { ask, type Figures, figuresOf, parseExposition, scrape } from './scrape.ts'

const promtool = spawnSync('promtool', ['--version'])
const withPromtool = {
  skip: promtool.error === undefined ? false : 'promtool is not installed (Debian package prometheus)',
}

/** Scrapes until that figure is so: a page may be a little older, where it took long to make. */
function scraped(here: DaemonHere, name: string, value: number): Promise<Figures> {
  return until(`${name} is ${value}`, async () => {
    const figures = await scrape(here)
    return figures.get(`sessiond_${name}`) === value ? figures : null
  })
}

t.test('a daemon that nobody has asked for anything', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 10 })
  const here = await startHere(t, site)
  const figures = await scrape(here)
  for (const [name, value] of Object.entries({
    sessions_in_use: 0,
    sessions_limit: 10,
    sessions_orphaned: 0,
    sessions_peak: 0,
    sessions_recent_peak: 0,
    grants_total: 0,
    adoptions_total: 0,
    connections: 0,
    connections_max: 10_000,
    clients: 0,
    draining: 0,
    journal_degraded: 0,
    state_degraded: 0,
    license_admits: 1,
    seconds_until_full: Infinity,
    acquire_duration_seconds_count: 0,
    'build_info{version="0.0.0-test",node="VERSION"}': 1,
    'usage_state{state="safe"}': 1,
    'license_state{state="active"}': 1,
    'releases_total{cause="orphan-timeout"}': 0,
    'reactivations_total{outcome="refreshed"}': 0,
    'reactivation_owner{owner="off"}': 1,
    'reactivation_owner{owner="systemd"}': 0,
  })) {
    const series = `sessiond_${name.replace('VERSION', process.versions.node)}`
    t.equal(figures.get(series), value, series)
  }
  t.strictSame(
    Object.keys(figuresOf(figures, 'sessiond_refusals_total')),
    REFUSAL_REASONS.map(reason => `{reason="${reason}"}`),
    'what has not happened yet is 0, so that its first time is seen',
  )
  for (const what of ['attempt', 'success']) {
    t.equal(figures.has(`sessiond_reactivation_last_${what}_timestamp_seconds`), false)
  }
  t.ok(figures.get('process_resident_memory_bytes')! > 1e6)
})

t.test('what was done is what is told', async t => {
  const site = new Site(t, {
    applications: { ivr: { max: 2, feature: null, maxDurationSeconds: null } },
    sessions: { resumeWindowMs: 60_000, maxPerClient: 100 },
  })
  await site.license({ maxSessions: 4 })
  const here = await startHere(t, site)
  const ivr = await openAs(t, site.socket, { application: 'ivr' })
  const fax = await openAs(t, site.socket, { application: 'fax' })
  const [first] = await ivr.acquireAll(['1', '2'])
  await fax.acquireAll(['3', '4'])
  t.equal((await ivr.call('session.acquire', { key: '5' })).reason, 'application-limit-reached')
  t.equal((await fax.call('session.acquire', { key: '6' })).reason, 'limit-reached')
  t.equal((await ivr.call('session.acquire', { key: '1' })).repeated, true)
  await ivr.call('session.release', { token: first })
  await fax.cut()
  const figures = await scraped(here, 'sessions_orphaned', 2)
  for (const [name, value] of Object.entries({
    sessions_in_use: 3,
    sessions_limit: 4,
    sessions_orphaned: 2,
    sessions_peak: 4,
    sessions_recent_peak: 4,
    grants_total: 4,
    clients: 2,
    connections: 1,
    acquire_duration_seconds_count: 7,
    'acquire_duration_seconds_bucket{le="+Inf"}': 7,
    'refusals_total{reason="application-limit-reached"}': 1,
    'refusals_total{reason="limit-reached"}': 1,
    'refusals_total{reason="draining"}': 0,
    'releases_total{cause="released"}': 1,
    'application_sessions_in_use{application="ivr"}': 1,
    'application_sessions_in_use{application="fax"}': 2,
    'application_sessions_orphaned{application="fax"}': 2,
    'application_sessions_orphaned{application="ivr"}': 0,
    'application_sessions_peak{application="ivr"}': 2,
    'application_sessions_max{application="ivr"}': 2,
    'application_sessions_max{application="fax"}': undefined,
    'application_grants_total{application="ivr"}': 2,
    'application_refusals_total{application="ivr"}': 1,
    'application_refusals_total{application="fax"}': 1,
  })) {
    t.equal(figures.get(`sessiond_${name}`), value, name)
  }
  t.ok(figures.get('sessiond_acquire_duration_seconds_sum')! > 0)
  t.ok(figures.get('sessiond_acquire_duration_seconds_sum')! < 7)
  t.ok(figures.get('sessiond_journal_commit_duration_seconds_count')! >= 3, 'two times grants, and a release')
  await until('the loop was looked at', async () => {
    return (await scrape(here)).get('sessiond_event_loop_lag_seconds_count')! > 2
  })
})

t.test('at the limit, and when the use of it becomes another', async t => {
  const site = new Site(t, {
    usage: { warningPercent: 94, criticalPercent: 97, clearMarginPercent: 3, holdSeconds: 0 },
  })
  await site.license({ maxSessions: 100 })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  const tokens: string[] = []
  const acquireUpTo = async (count: number) => {
    const keys = Array.from({ length: count - tokens.length }, (_, index) => `${tokens.length + index}`)
    tokens.push(...(await client.acquireAll(keys)))
  }
  const usageIs = (state: string) =>
    until(`the usage is ${state}`, async () => (await client.call('status.get')).usage === state)
  for (const [count, state] of [
    [93, 'safe'],
    [94, 'warning'],
    [97, 'critical'],
    [100, 'full'],
  ] as const) {
    await acquireUpTo(count)
    await usageIs(state)
    await scraped(here, `usage_state{state="${state}"}`, 1)
    const states = Object.values(figuresOf(await scrape(here), 'sessiond_usage_state'))
    t.strictSame(states.sort(), [0, 0, 0, 1], state)
  }
  t.equal((await client.call('session.acquire', { key: 'x' })).reason, 'limit-reached')
  for (const path of ['/metrics', '/healthz', '/readyz']) t.equal((await ask(here, path)).status, 200, path)
  await scraped(here, 'seconds_until_full', 0)
  await scraped(here, 'refusals_total{reason="limit-reached"}', 1)
  for (const token of tokens.splice(90)) await client.call('session.release', { token })
  await usageIs('safe')
  const changes = here.log.filter(({ usage }) => usage !== undefined)
  t.match(
    changes.slice(0, 3).map(({ level, from, usage, hint }) => [level, from, usage, hint]),
    [
      ['warn', 'safe', 'warning', /sessionctl status/],
      ['warn', 'warning', 'critical', /sessionctl reactivate/],
      ['warn', 'critical', 'full', /sessionctl reactivate/],
    ],
  )
  t.match(changes.at(-1), { level: 'info', usage: 'safe', inUse: 90, limit: 100 })
})

t.test('the license, in every state that it has', async t => {
  const site = new Site(t)
  const here = await startHere(t, site)
  const none = await scrape(here)
  t.equal(none.get('sessiond_license_state{state="unlicensed"}'), 1)
  t.equal(none.get('sessiond_license_admits'), 0)
  t.equal(none.has('sessiond_license_expiry_timestamp_seconds'), false, 'no date is no figure')
  t.equal(none.get('sessiond_seconds_until_full'), 0)
  t.equal(none.get('sessiond_usage_state{state="safe"}'), 1)

  await site.license({ expiresOn: '2098-12-31', graceDays: 10 })
  const figures = await scraped(here, 'license_state{state="active"}', 1)
  const states = figuresOf(figures, 'sessiond_license_state')
  t.strictSame(
    Object.keys(states),
    lifecycleStates.map(state => `{state="${state}"}`),
  )
  t.equal(
    Object.values(states).reduce((sum, value) => sum + value),
    1,
  )
  const expiry = Date.parse('2098-12-31T23:59:59Z') / 1000
  t.equal(figures.get('sessiond_license_expiry_timestamp_seconds'), expiry)
  t.equal(figures.get('sessiond_license_grace_end_timestamp_seconds'), expiry + 10 * 86_400)
})

t.test('callers choose the names of applications, and still make only so many series', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 500 })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  for (let index = 0; index < 300; index++) {
    const params = { key: `k${index}`, application: `a${index}` }
    t.equal((await client.call('session.acquire', params)).granted, true)
  }
  const figures = await scrape(here)
  const inUse = figuresOf(figures, 'sessiond_application_sessions_in_use')
  t.equal(Object.keys(inUse).length, 129)
  // The first is `default`, of the hello.
  t.equal(inUse['{application="a126"}'], 1)
  t.equal(inUse['{application="_other"}'], 173)
  t.equal(
    Object.values(inUse).reduce((sum, value) => sum + value),
    figures.get('sessiond_sessions_in_use'),
  )
  t.ok(figures.size < 129 * 6 + 200, `${figures.size} series`)
  t.match(
    await client.call('session.acquire', { key: 'x', application: '_other' }).catch(error => error),
    /invalid-params|Error/,
    'no application can have the name of the others',
  )
})

t.test('two that scrape take nothing from each other', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 10 })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  const tokens = await client.acquireAll(['1', '2', '3'])
  for (const token of tokens) await client.call('session.release', { token })
  for (const scraper of ['first', 'second']) {
    const figures = await scrape(here)
    t.equal(figures.get('sessiond_sessions_in_use'), 0)
    t.equal(figures.get('sessiond_sessions_recent_peak'), 3, scraper)
  }
})

t.test('a state database that cannot be read takes away what is in it, and nothing else', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 10 })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  const state = new Database(site.stateFile)
  state.exec('DROP TABLE facts')
  state.close()
  await client.acquireAll(['1'])
  const figures = await scrape(here)
  t.equal(figures.get('sessiond_sessions_in_use'), 1)
  t.equal(figures.get('sessiond_license_admits'), 1)
  t.equal(figures.get('sessiond_reactivations_total{outcome="refreshed"}'), 0)
  t.equal(figures.get('sessiond_reactivation_failures'), 0, 'as it was last')
  t.match(await client.call('status.get'), { inUse: 1, reactivation: { failures: 0 } })
  t.match(await here.logged('The reactivation could not be carried out'), { level: 'error' })
})

t.test('thresholds that are loaded again hold at once', async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 10 })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  await client.acquireAll(['1', '2', '3', '4', '5'])
  t.equal((await client.call('status.get')).usage, 'safe')
  const next = structuredClone(site.config)
  next.usage.warningPercent = 50
  await here.daemon.reload(next)
  t.equal((await client.call('status.get')).usage, 'warning')
})

t.test('OpenMetrics is for whoever accepts it', async t => {
  const site = new Site(t)
  const here = await startHere(t, site)
  const accept = { headers: { accept: 'application/openmetrics-text; version=1.0.0' } }
  const open = await ask(here, '/metrics', accept)
  t.match(open.headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/)
  t.match(open.text, /^# TYPE sessiond_grants counter\nsessiond_grants_total 0$/m)
  t.match(open.text, /\n# EOF\n$/)
  const plain = await ask(here, '/metrics')
  t.match(plain.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(plain.text, /^# TYPE sessiond_grants_total counter\nsessiond_grants_total 0$/m)
})

t.test('promtool finds nothing to complain about', withPromtool, async t => {
  const site = new Site(t)
  await site.license()
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  await client.acquireAll(['1'], 'ivr')
  const { text } = await ask(here, '/metrics')
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  t.strictSame([checked.status, checked.stdout, checked.stderr], [0, '', ''])
})

t.test('docs/monitoring.md names every metric with its type and labels', async t => {
  const site = new Site(t, { applications: { ivr: { max: 2, feature: null, maxDurationSeconds: null } } })
  await site.license({ expiresOn: '2098-12-31' })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  await client.acquireAll(['1'], 'ivr')
  const { text } = await ask(here, '/metrics')
  parseExposition(text)
  const told = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => {
    const labels = new RegExp(`^${name}\\{(.*)\\} `, 'm').exec(text)?.[1] ?? ''
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => `\`${label}\``)
    return `| \`${name}\` | ${type} | ${names.join(', ')} |`
  })
  const manual = readFileSync(new URL('../../../docs/monitoring.md', import.meta.url), 'utf8')
  const rows = [...manual.matchAll(/^\| `(?:sessiond|process)_.*$/gm)].map(
    ([row]) => `${row.split('|').slice(0, 4).join('|')}|`,
  )
  t.strictSame(
    rows.map(row => row.replaceAll('|  |', '| |')).sort(),
    told.map(row => row.replaceAll('|  |', '| |')).sort(),
  )
})
