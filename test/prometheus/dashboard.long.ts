// Every query of the dashboard, asked of a real Prometheus that scrapes a real daemon.
import t from 'tap'
import { openAs, startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { dashboard, metricsOf, queriesOf } from './dashboard.ts'
import { startPrometheus, withPrometheus } from './prometheus.ts'

/** What there is nothing to show of in a daemon that was never reactivated nor started anew. */
const mayBeEmpty = new Set(['Since the last reactivation', 'Starts of the daemon'])

/** As Grafana does it, where all machines are chosen. */
function substituted(expr: string): string {
  return expr.replaceAll('$instance', '.+').replaceAll('$job', '.+').replaceAll('$__rate_interval', '1m')
}

t.test('every query of the dashboard has an answer', withPrometheus, async t => {
  const site = new Site(t, { applications: { ivr: { max: 3, feature: null, maxDurationSeconds: null } } })
  await site.license({
    maxSessions: 4,
    expiresOn: new Date(Date.now() + 40 * 86_400_000).toISOString().slice(0, 10),
    graceDays: 7,
    reactivation: { intervalHours: 24, requiredWithinDays: 20 },
  })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  const { port } = here.daemon.addresses.operations!
  const { get, query } = await startPrometheus(t, `127.0.0.1:${port}`)
  await client.acquireAll(['1', '2', '3'], 'ivr')
  await client.call('session.acquire', { key: '4' })
  const scrapes = 'count_over_time(sessiond_refusals_total{reason="limit-reached"}[1m]) >= 2'
  await until('it was scraped twice', async () => (await query(scrapes)).length > 0, 30_000)
  // A refusal between two scrapes is what a rate can show.
  t.equal((await client.call('session.acquire', { key: '5' })).reason, 'limit-reached')
  const refused = 'increase(sessiond_refusals_total{reason="limit-reached"}[1m]) > 0'
  await until('the refusal was scraped', async () => (await query(refused)).length > 0, 30_000)

  // By what the daemon declares, so that a metric without a figure now is known too; OpenMetrics names counters
  // there without their `_total`.
  const declared = new Set(Object.keys((await get('metadata')) as unknown as object))
  for (const { from, expr } of queriesOf(dashboard)) {
    for (const name of metricsOf(expr))
      t.ok(declared.has(name.replace(/_total$/, '')), `${from}: ${name} is a metric`)
    const answer = await get(`query?query=${encodeURIComponent(substituted(expr))}`)
    t.not(answer, null, `${from}: ${expr}`)
    const { result } = answer as unknown as { result: { value: [number, string] }[] }
    if (!mayBeEmpty.has(from)) t.ok(result.length > 0, `${from} shows something: ${expr}`)
  }

  const shown = async (title: string) => {
    const [first] = dashboard.panels.find(panel => panel.title === title)!.targets!
    return Number((await query(substituted(first!.expr)))[0]?.value[1])
  }
  t.equal(await shown('In use of the limit'), 1)
  t.equal(await shown('Time until full'), 0)
  t.equal(await shown('Usage state'), 3, 'full')
  t.equal(await shown('License state'), 0, 'active')
  const days = await shown('Days until it expires')
  t.ok(days > 39 && days <= 41, `${days} days`)
  t.ok((await shown('Days until the grace ends')) > 46)
})

t.test('a query that is wrong is noticed', withPrometheus, async t => {
  const { get } = await startPrometheus(t, '127.0.0.1:1')
  await until('it answers', async () => await get('query?query=1'), 30_000)
  t.equal(await get(`query?query=${encodeURIComponent('sum by (a (b)')}`), null)
})
