// A real Prometheus, by config/prometheus, scrapes a real daemon.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { openAs, startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const folder = new URL('../../config/prometheus/', import.meta.url).pathname
const isInstalled = spawnSync('prometheus', ['--version']).error === undefined
const withPrometheus = {
  skip: isInstalled ? false : 'prometheus is not installed (Debian package prometheus)',
}

interface Result {
  readonly metric: Readonly<Record<string, string>>
  readonly value: [at: number, value: string]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await until('it listens', () => server.listening)
  const { port } = server.address() as { port: number }
  await new Promise(done => server.close(done))
  return port
}

/** Starts Prometheus on the configuration that ships, but faster and for that daemon. Gives a way to ask it. */
async function startPrometheus(t: Test, target: string) {
  const directory = t.testdir()
  for (const name of ['recording-rules.yaml', 'alert-rules.yaml']) {
    copyFileSync(join(folder, name), join(directory, name))
  }
  const config = parse(readFileSync(join(folder, 'scrape.yaml'), 'utf8'))
  config.global = { evaluation_interval: '1s' }
  Object.assign(config.scrape_configs[0], {
    scrape_interval: '1s',
    scrape_timeout: '1s',
    static_configs: [{ targets: [target] }],
  })
  const file = join(directory, 'prometheus.yml')
  writeFileSync(file, stringify(config))
  const port = await freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  const ended = new Promise(done => child.once('exit', done))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const get = async (path: string) => {
    if (child.exitCode !== null) throw new Error(log)
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => null)
    return response?.ok === true ? ((await response.json()) as { data: never }).data : null
  }
  const query = async (expression: string): Promise<Result[]> => {
    const data = await get(`query?query=${encodeURIComponent(expression)}`)
    return (data as { result: Result[] } | null)?.result ?? []
  }
  return { get, query }
}

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
