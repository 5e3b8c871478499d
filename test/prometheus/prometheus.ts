import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { parse, stringify } from 'yaml'
import { freePort } from '../support/free-port.ts'

const folder = new URL('../../config/prometheus/', import.meta.url).pathname
const isInstalled = spawnSync('prometheus', ['--version']).error === undefined
export const withPrometheus = {
  skip: isInstalled ? false : 'prometheus is not installed (Debian package prometheus)',
}

export interface Result {
  readonly metric: Readonly<Record<string, string>>
  readonly value: [at: number, value: string]
}

/** Starts Prometheus on the configuration that ships, but faster and for that daemon. Gives a way to ask it. */
export async function startPrometheus(t: Test, target: string) {
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
