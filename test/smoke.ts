import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './support/until.ts'

// The built programs on whatever Node runs this: a daemon with a real license, and a client that asks it for
// one session more than there are. Run after `npm run build`: npx -p node@26 node test/smoke.ts

const ROOT = new URL('../', import.meta.url).pathname
const SESSIONS = 3
const DENIED = 3

const folder = mkdtempSync(join(tmpdir(), 'sessiond-smoke-'))

function program(name: string): string {
  return join(ROOT, 'dist', 'cli', `${name}.cjs`)
}

function sessionctl(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const config = ['--config', join(folder, 'sessiond.yaml')]
  return spawnSync(process.execPath, [program('sessionctl'), ...args, ...config], { encoding: 'utf8' })
}

function inUse(): number {
  const { status, stdout, stderr } = sessionctl('status', '--json')
  assert.equal(status, 0, stderr)
  return (JSON.parse(stdout) as { inUse: number }).inUse
}

async function roundTrip(daemon: ChildProcess): Promise<void> {
  await until(
    'the daemon answers',
    () => {
      assert.equal(daemon.exitCode, null, 'the daemon ended')
      return sessionctl('status', '--json').status === 0
    },
    30_000,
  )
  const { status, stdout, stderr } = sessionctl('hold', String(SESSIONS + 1), '--for', '0', '--json')
  assert.equal(status, DENIED, stderr)
  const answers = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { granted: boolean; reason: string | null })
  assert.equal(answers.filter(({ granted }) => granted).length, SESSIONS)
  assert.deepEqual(
    answers.flatMap(({ reason }) => reason ?? []),
    ['limit-reached'],
  )
  await until('the sessions are released', () => inUse() === 0)
  const ended = once(daemon, 'exit')
  daemon.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
}

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
for (const name of ['sessiond', 'sessionctl', 'licensing-server']) {
  const { stdout } = spawnSync(process.execPath, [program(name), '--version'], { encoding: 'utf8' })
  assert.equal(stdout.trim(), version, name)
}

const args = [program('sessiond'), 'demo', '--dir', folder, '--sessions', String(SESSIONS)]
const daemon = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
try {
  await roundTrip(daemon)
  console.log(`Node ${process.version}: ${SESSIONS} granted, 1 denied, all released, stopped cleanly.`)
} finally {
  daemon.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
