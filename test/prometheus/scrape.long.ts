// A real Prometheus, by config/prometheus, scrapes a real daemon.
import t from 'tap'
import { openAs, startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { startPrometheus, withPrometheus } from './prometheus.ts'

t.test('what ships scrapes the daemon, and an alert comes of it', withPrometheus, async t => {
  const site = new Site(t)
  await site.license({ maxSessions: 4 })
  const here = await startHere(t, site)
  const client = await openAs(t, site.socket)
  const { port } = here.daemon.addresses.operations!
  const { get, query } = await startPrometheus(t, `127.0.0.1:${port}`)
  await until('it is scraped', async () => (await query('up{job="sessiond"}'))[0]?.value[1] === '1', 30_000)
  await client.acquireAll(['1', '2', '3', '4'], 'ivr')
  t.equal((await client.call('session.acquire', { key: '5' })).reason, 'limit-reached')

  const is = (expression: string, value: string) =>
    until(`${expression} is ${value}`, async () => (await query(expression))[0]?.value[1] === value, 30_000)
  await is('sessiond_sessions_in_use', '4')
  await is('instance:sessiond_sessions_in_use:ratio', '1')
  await is('sessiond_application_sessions_in_use{application="ivr"}', '4')
  await is('sessiond_usage_state{state="full"}', '1')
  await is('sessiond_grants_total', '4')
  await is('ALERTS{alertname="SessiondCallersRefused", alertstate="firing"}', '1')
  await is('sessiond_acquire_duration_seconds_count', '5')
  const targets = (await get('targets')) as unknown as { activeTargets: { lastError: string }[] }
  t.strictSame(
    targets.activeTargets.map(({ lastError }) => lastError),
    [''],
  )
  const rules = (await get('rules')) as unknown as {
    groups: { rules: { name: string; health: string; lastError?: string }[] }[]
  }
  const unhealthy = rules.groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== 'ok')
  t.strictSame(unhealthy, [])
  const alert = await query('ALERTS{alertstate="firing"}')
  t.notOk(alert.some(({ metric }) => metric['alertname'] === 'SessiondDown'))
})
