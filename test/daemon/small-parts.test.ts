import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readAccessToken } from '../../src/daemon/access-token.ts'
import { monotonicNow, readBootId } from '../../src/daemon/clocks.ts'
import { createNonces } from '../../src/daemon/nonces.ts'
import { watchProcess } from '../../src/daemon/process-watch.ts'
import { Timers } from '../../src/daemon/timers.ts'
import { openTokenSigners, sealToken } from '../../src/daemon/token-keys.ts'
import { verifySignedToken } from '../../src/session/signed-token.ts'
import { parseToken } from '../../src/session/token.ts'
import { startProcess, startTimeOf } from '../support/processes.ts'
import { until } from '../support/until.ts'

t.test('the access token', async t => {
  const file = join(t.testdir(), 'token')
  const good = ['0123456789abcdef', '  0123456789abcdef\n', '~'.repeat(512)]
  for (const text of good) {
    writeFileSync(file, text, { mode: 0o640 })
    t.equal(readAccessToken(file), text.trim())
  }
  for (const text of [
    '',
    '0123456789abcde',
    'with space 0123456789',
    'ümlaut-0123456789abc',
    '~'.repeat(513),
    'two\nlines-0123456789',
    // As `openssl rand -base64` makes them: they could not be named in a list of subprotocols.
    'b64/0123456789abcdef',
    'b64-0123456789abcde=',
    'list,0123456789abcdef',
  ]) {
    writeFileSync(file, text)
    t.throws(() => readAccessToken(file), { code: 'token-file-invalid', hint: /openssl rand/ }, text)
  }
  writeFileSync(file, '0123456789/abcdef')
  t.throws(() => readAccessToken(file), { message: /has a character that fits no header.*"\/"/ })
  writeFileSync(file, '0123456789abcdef')
  for (const mode of [0o644, 0o660, 0o604, 0o602]) {
    chmodSync(file, mode)
    t.throws(
      () => readAccessToken(file),
      { code: 'token-file-invalid', hint: /chmod 0640/ },
      mode.toString(8),
    )
  }
  t.throws(() => readAccessToken(`${file}-missing`), { code: 'token-file-invalid', message: /ENOENT/ })
})

t.test('a process lives, is dead, or is another one', async t => {
  const self = { pid: process.pid, startTime: startTimeOf(process.pid) }
  t.equal(watchProcess(self), 'lives')
  t.equal(watchProcess({ ...self, startTime: self.startTime - 1 }), 'dead')
  const other = startProcess(t)
  t.equal(watchProcess(other), 'lives')
  await other.kill()
  t.equal(watchProcess(other), 'dead')
  t.equal(watchProcess({ pid: 4_194_304, startTime: 1 }), 'dead')
})

t.test('a process with a name to be misread, and a zombie', async t => {
  const program = join(t.testdir(), 'a) Z 1 (b')
  symlinkSync('/bin/sleep', program)
  const strange = spawn(program, ['600'], { stdio: 'ignore' })
  t.teardown(() => strange.kill('SIGKILL'))
  await until('it runs', () => readFileSync(`/proc/${strange.pid}/stat`, 'latin1').includes('(a) Z 1 (b) '))
  t.equal(watchProcess({ pid: strange.pid!, startTime: startTimeOf(strange.pid!) }), 'lives')

  // The shell becomes a program that never asks after its child.
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.teardown(() => parent.kill('SIGKILL'))
  const [pid] = (await once(parent.stdout, 'data')).map(Number)
  const child = { pid: pid!, startTime: startTimeOf(pid!) }
  await until('the child is a zombie', () => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '))
  t.equal(watchProcess(child), 'dead')
})

t.test(
  'the keys of tokens: one for good, the run before this one where the machine was not booted since',
  async t => {
    const kept = new Map<string, string>()
    const archive = {
      read: (name: string) => kept.get(name) ?? null,
      keep: (name: string, value: string) => void kept.set(name, value),
    }
    const journal = { era: 0, content: { stamp: { instanceId: 'run-1', era: 3 } } }
    const first = openTokenSigners(archive, { instanceId: 'run-1', bootId: 'boot-1' }, journal)
    first.begin()
    t.equal(first.previous, null)
    t.equal(first.current().key.length, 32)
    // Its start failed: it never served anybody.
    openTokenSigners(archive, { instanceId: 'run-1b', bootId: 'boot-1' }, journal)
    const second = openTokenSigners(archive, { instanceId: 'run-2', bootId: 'boot-1' }, journal)
    second.begin()
    t.same(second.previous, { ...first.current(), era: 3 })
    t.same(second.current(), { ...first.current(), instanceId: 'run-2' })
    const unwritten = { era: 0, content: { stamp: { instanceId: 'run-1', era: 3 } } }
    const next = openTokenSigners(archive, { instanceId: 'run-3', bootId: 'boot-1' }, unwritten)
    next.begin()
    t.match(next.previous, { instanceId: 'run-2', era: 0 }, 'run-2 never wrote the journal')
    const unknown = { era: 0, content: { stamp: null } }
    const last = openTokenSigners(archive, { instanceId: 'run-4', bootId: 'boot-1' }, unknown)
    last.begin()
    t.match(last.previous, { instanceId: 'run-3', era: null })
    // Run-4b wrote the journal, but could not note itself in the state.
    const later = { era: 0, content: { stamp: { instanceId: 'run-4b', era: 2 } } }
    const afterUnnoted = openTokenSigners(archive, { instanceId: 'run-4c', bootId: 'boot-1' }, later)
    t.match(afterUnnoted.previous, { instanceId: 'run-4b', era: 2 }, 'the journal names who came after run-4')
    kept.set('last-run', JSON.stringify({ instanceId: 'run-4', bootId: 'boot-1' }))
    const afterOlder = openTokenSigners(archive, { instanceId: 'run-4d', bootId: 'boot-1' }, later)
    t.match(
      afterOlder.previous,
      { instanceId: 'run-4', era: 0 },
      'an older program did not note whom it followed',
    )
    const third = openTokenSigners(archive, { instanceId: 'run-5', bootId: 'boot-2' }, journal)
    third.begin()
    t.equal(third.previous, null)

    const token = sealToken(
      { token: '5.AAAAAAAAAAAAAAAA', application: 'ivr', key: 'call' },
      { ...first.current(), era: 3 },
      12.5,
    )
    const parsed = parseToken(token)!
    t.same(verifySignedToken(token, parsed, second.previous!), {
      application: 'ivr',
      key: 'call',
      grantedAt: 12.5,
    })
    t.equal(verifySignedToken(token, parsed, second.current()), null)
    t.ok(
      sealToken(
        { token: 'zzzzzz.AAAAAAAAAAAAAAAA', application: 'a'.repeat(63), key: 'k'.repeat(128) },
        { ...first.current(), instanceId: '0'.repeat(16), era: 99_999 },
        1e9 + 0.123456,
      ).length <= 512,
    )
  },
)

t.test('nonces are whole numbers of 48 bits, each another', async t => {
  const next = createNonces()
  const nonces = Array.from({ length: 5000 }, () => next())
  t.ok(nonces.every(nonce => Number.isInteger(nonce) && nonce >= 0 && nonce < 2 ** 48))
  t.equal(new Set(nonces).size, nonces.length)
  t.ok(nonces.some(nonce => nonce > 2 ** 47) && nonces.some(nonce => nonce < 2 ** 47))
})

t.test('the clock of the machine is the same in every process', async t => {
  const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split(' ')
  t.ok(Math.abs(monotonicNow() - Number(uptime) * 1000) < 60_000)
  const before = monotonicNow()
  t.ok(monotonicNow() >= before)
  t.match(readBootId(), /^[0-9a-f-]{36}$/)
})

t.test('what is done now and then goes on after a fault', async t => {
  const faults: unknown[] = []
  const timers = new Timers(error => faults.push(error))
  t.teardown(() => timers.stop())
  let times = 0
  timers.every(1, () => {
    times++
    if (times < 4) throw new Error(`fault ${times}`)
  })
  await until('it went on', () => times > 5)
  t.match(faults, [{ message: 'fault 1' }, { message: 'fault 2' }, { message: 'fault 3' }])
  timers.stop()
})
