import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { programFile } from '../support/programs.ts'
import { startCustomer } from './customer-site.ts'

// Programs in processes of their own, on a machine that may be busy.
t.setTimeout(120_000)

const program = programFile('sessionctl')

t.test('the key is nowhere afterwards, and never on the command line', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  const name = keyFile(key)
  const done = await ctl('activate', '--key-file', name, '--sessions', '1', '--json')
  t.equal(done.code, 0)
  rmSync(join(site.folder, name))
  for (const spelling of [key, key.replaceAll('-', '')]) {
    t.notMatch(done.stdout + done.stderr, spelling)
    for (const file of readdirSync(site.folder, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      const text = readFileSync(join(file.parentPath, file.name), 'latin1')
      t.notOk(text.includes(spelling), file.name)
    }
  }
  t.match(await ctl('activate', '--key', key), { code: 2, stderr: /Unknown argument: key/ })
})

t.test('a key from standard input', async t => {
  const { vendor, site } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  for (const args of [[], ['--key-file', '-']]) {
    const all = [program, 'activate', '--sessions', '5', '--config', 'sessiond.yaml', ...args]
    const child = spawn(process.execPath, all, { cwd: site.folder, stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    child.stdin.end(`${key}\n`)
    const [code] = await once(child, 'close')
    t.equal(code, 0, stderr)
    t.match(stderr, /: 5 sessions for Acme/)
  }
})

t.test('a key typed at the terminal is not shown', async t => {
  const { vendor, site } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  const command = `'${process.execPath}' '${program}' activate --sessions 5 --config sessiond.yaml`
  // `script` gives the command a terminal of its own, whose output is ours.
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: site.folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    const asked = screen.includes('Installation key')
    screen += text
    // A mistyped letter is taken back.
    if (!asked && screen.includes('Installation key')) child.stdin.write(`x\u007f${key}\r`)
  })
  const [code] = await once(child, 'close')
  t.equal(code, 0, screen)
  t.match(screen, /Installation key \(it is not shown\): \r?\n/)
  t.match(screen, /Activated: 5 sessions for Acme/)
  t.notMatch(screen, key)
})
