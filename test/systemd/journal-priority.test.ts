// What a process logs whose output goes to the journal, and whose output does not: told apart as systemd.exec(5) says.
import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const log = new URL('../../src/log.ts', import.meta.url).href
const terminal = new URL('../../src/cli/terminal.ts', import.meta.url).href
const program = `
  const { createLogger } = await import('${log}')
  const { processTerminal, reportFault } = await import('${terminal}')
  const log = createLogger({ level: 'debug' })
  log.debug('a'); log.info('b'); log.warn('c'); log.error('d'); log.fatal('e')
  reportFault(processTerminal(), new Error('two\\nlines'), false)`

/** What it writes to a file, where JOURNAL_STREAM names that file or another. */
function written(t: Test, shift: bigint): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'journal-priority-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'out')
  const fd = openSync(file, 'a')
  const { dev, ino } = fstatSync(fd, { bigint: true })
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', fd, fd],
    env: { JOURNAL_STREAM: `${dev}:${ino + shift}`, NO_COLOR: '1' },
  })
  closeSync(fd)
  t.equal(status, 0)
  return readFileSync(file, 'utf8').trim().split('\n')
}

t.test('in the journal each line has its priority', async t => {
  const lines = written(t, 0n)
  t.match(lines.slice(0, 5), [/^<7>{.*"a"}$/, /^<6>{.*"b"}$/, /^<4>{.*"c"}$/, /^<3>{.*"d"}$/, /^<2>{.*"e"}$/])
  t.match(lines.slice(5, 7), ['<3>error: two', '<3>lines'])
})

t.test('elsewhere none has', async t => {
  const lines = written(t, 1n)
  for (const line of lines.slice(0, 5)) t.ok(JSON.parse(line))
  t.match(lines.slice(5, 7), ['error: two', 'lines'])
})
