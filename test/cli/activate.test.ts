import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { verifyMachineRequest } from '../../src/license/machine-request.ts'
import { startHere } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { startCustomer } from './customer-site.ts'

const program = fileURLToPath(new URL('../../src/cli/sessionctl.ts', import.meta.url))

t.test('a claim with a key from a file; a daemon that runs takes the license by itself', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(100)
  await startHere(t, site)
  const done = await ctl('activate', '--key-file', keyFile(key), '--sessions', '10')
  t.equal(done.code, 0, done.stderr)
  t.match(done.stderr, 'Activated: 10 sessions for Acme Telephony, without end; generation 1.')
  t.match(done.stderr, 'In force: 10 sessions. The license is active and does not expire.')
  t.equal(done.stdout, '')
  t.equal(await vendor.claimed(poolId), 10)
  t.equal(statSync(site.config.license.file).mode & 0o777, 0o640)

  const again = await ctl('activate', '--key-file', keyFile(key), '--json')
  t.equal(again.code, 0)
  t.match(again.stderr, /^Refreshed: 10 sessions for Acme Telephony/)
  t.match(JSON.parse(again.stdout), {
    outcome: 'refreshed',
    file: site.config.license.file,
    license: { maxSessions: 10, generation: 2 },
  })
  t.equal(await vendor.claimed(poolId), 10, 'one machine activating twice is a reactivation')

  await until('it has a plan', async () => {
    const { stdout } = await ctl('status')
    return /^Reactivation by sessiond, next 20\d\d-.* UTC; last .* UTC: refreshed$/m.test(stdout)
  })
})

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

t.test('a refusal says what is left and whom to ask, and ends with 3', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(5)
  const refused = await ctl('activate', '--key-file', keyFile(key), '--sessions', '10')
  t.equal(refused.code, 3)
  t.equal(
    refused.stderr,
    'Refused: The pool of 5 sessions has 5 sessions left; 10 are needed. (pool-exhausted)\n' +
      'hint: Ask for at most 5, or ask your account representative, Ada Lovelace (ada@vendor.example, +44 20 7946 0000) to add sessions.\n',
  )
  const json = await ctl('activate', '--key-file', keyFile(key), '--sessions', '10', '--json')
  t.match(JSON.parse(json.stdout), {
    outcome: 'refused',
    code: 'pool-exhausted',
    representative: { name: 'Ada Lovelace' },
  })
  t.notOk(existsSync(site.config.license.file))
  const wrong = await ctl('activate', '--key-file', keyFile('not-a-key'), '--sessions', '1')
  t.match(wrong, { code: 3, stderr: /installation-key-malformed/ })
})

t.test('nobody answers: 75, and the same command claims nothing twice', async t => {
  const { vendor, site, ctl, keyFile, url } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(100)
  const args = ['activate', '--key-file', keyFile(key), '--sessions', '10']
  const failed = await ctl(...args, '--server', 'http://127.0.0.1:9')
  t.equal(failed.code, 75)
  t.match(failed.stderr, /^Not answered: .*http:\/\/127\.0\.0\.1:9 could not be asked.*\nhint: /)
  const json = await ctl(...args, '--server', 'http://127.0.0.1:9', '--json')
  t.match(JSON.parse(json.stdout), { outcome: 'unreachable', code: 'licensing-server-unreachable' })
  t.notOk(existsSync(site.config.license.file))
  t.match(await ctl(...args, '--server', url), { code: 0 })
  t.equal(await vendor.claimed(poolId), 10)
})

t.test('wrong usage', async t => {
  const { site, ctl, keyFile, url } = await startCustomer(t)
  const key = keyFile('x')
  const cases: [string[], RegExp][] = [
    [['--key-file', key, '--sessions', '0'], /whole number from 1 to 1000000/],
    [['--key-file', key, '--sessions', '1.5'], /whole number/],
    [['--key-file', key, '--server', 'http://licensing.example.com'], /plain HTTP/],
    [['--key-file', key, '--server', 'ftp://x'], /is no address of a server/],
    [['--key-file', key, '--request-file', 'r.jws'], /mutually exclusive/],
    [['--key-file', key, '--product', 'studio'], /which version of Studio/],
    [['--key-file', key, '--out', 'l.jws'], /--product studio/],
    [['--key-file', keyFile(' ')], /The installation key is empty/],
  ]
  for (const [args, message] of cases) {
    const { code, stderr } = await ctl('activate', ...args)
    t.equal(code, 2, args.join(' '))
    t.match(stderr, message)
  }
  t.match(await ctl('activate', '--key-file', 'missing'), { code: 1, stderr: /There is no file/ })
  site.config.licensingServer.url = null
  site.writeConfig()
  const unknown = await ctl('activate', '--key-file', key)
  t.match(unknown, { code: 1, stderr: /No licensing server is configured[\s\S]*--server https/ })
  rmSync(join(site.config.license.trustDirectory, 'root.pem'))
  keyFile('some-key')
  t.match(await ctl('activate', '--key-file', key, '--server', url), {
    code: 1,
    stderr: /no root certificate/,
  })
})

t.test('a seat of Studio is claimed the same way, and no daemon is involved', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(2, { product: 'studio' })
  const args = ['activate', '--product', 'studio', '--key-file', keyFile(key)]
  const done = await ctl(...args, '--product-version', '5.1')
  t.equal(done.code, 0, done.stderr)
  t.match(done.stderr, 'Activated: one seat for Acme Telephony, without end; generation 1.')
  const file = join(site.folder, 'studio-license.jws')
  t.match(readFileSync(file, 'utf8'), /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  t.notOk(existsSync(site.config.license.file))
  t.equal(await vendor.claimed(poolId), 1)

  t.match(await ctl(...args, '--product-version', '5.0'), { code: 0, stderr: /^Refreshed: one seat/ })
  t.match(await ctl('reactivate', '--product', 'studio', '--product-version', '5.1'), { code: 0 })
  t.equal(await vendor.claimed(poolId), 1, 'one seat a machine')
  const newer = await ctl(...args, '--product-version', '6.0')
  t.match(newer, { code: 3, stderr: /covers versions 5\.0 to 5\.x; the machine runs 6\.0/ })

  // The same machine may hold a license of Call Services beside it.
  const calls = await vendor.pool(10)
  t.match(await ctl('activate', '--key-file', keyFile(calls.key), '--sessions', '3'), {
    code: 0,
    stderr: /3 sessions/,
  })
  const other = await ctl('activate', '--key-file', keyFile(key), '--sessions', '3')
  t.match(other, { code: 3, stderr: /other-product/ }, 'a key of another product')
  const elsewhere = await ctl(...args, '--product-version', '5.1', '--out', 'seat.jws')
  t.match(elsewhere, { code: 0, stderr: /seat\.jws/ })
})

t.test('the request by hand: the same until it is answered', async t => {
  const { vendor, site, ctl } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  const read = async (name: string) => {
    const text = readFileSync(join(site.folder, name), 'utf8').trim()
    const verdict = await verifyMachineRequest(text, Date.now())
    if (!verdict.ok) throw new Error(verdict.problem.message)
    return { text, request: verdict.request }
  }
  const made = await ctl('activate', '--request-file', 'r.jws', '--sessions', '4', '--json')
  t.match(made, { code: 0, stderr: /The request of this machine is in .*r\.jws\.\nCarry it/ })
  const first = await read('r.jws')
  t.match(JSON.parse(made.stdout), {
    requestId: first.request.requestId,
    sessions: 4,
    product: 'call-services',
    generation: 0,
  })
  await ctl('activate', '--request-file', 'again.jws', '--sessions', '4')
  t.equal((await read('again.jws')).text, first.text)
  await ctl('activate', '--request-file', 'more.jws', '--sessions', '6')
  const more = await read('more.jws')
  t.strictSame(more.request.earlierRequestIds, [first.request.requestId])

  const answer = await vendor.service.submit(more.text, { installationKey: key })
  if (answer.kind !== 'license') throw new Error(answer.kind)
  writeFileSync(join(site.folder, 'l.jws'), answer.license)
  t.match(await ctl('license', 'install', 'l.jws'), { code: 0 })
  await ctl('activate', '--request-file', 'next.jws')
  t.match((await read('next.jws')).request, { generation: 1, sessions: null, earlierRequestIds: [] })

  // Moved away: the file that is written next is the confirmation.
  await vendor.admin.startTransfer(answer.installationId)
  const last = await vendor.service.submit((await read('next.jws')).text)
  if (last.kind !== 'license') throw new Error(last.kind)
  writeFileSync(join(site.folder, 'd.jws'), last.license)
  t.match(await ctl('license', 'install', 'd.jws'), { code: 0 })
  const confirmation = await ctl('activate', '--request-file', 'c.jws')
  t.match(confirmation.stderr, /The confirmation that this machine is deactivated is in/)
  t.equal((await read('c.jws')).request.deactivationOf, last.licenseId)
  t.equal((await vendor.service.submit((await read('c.jws')).text)).kind, 'confirmed')
  await ctl('activate', '--request-file', 'anew.jws', '--anew')
  t.equal((await read('anew.jws')).request.deactivationOf, null)
  await ctl('activate', '--request-file', 'wish.jws', '--sessions', '2')
  t.equal((await read('wish.jws')).request.deactivationOf, null, 'who names a number wants a license')
})

t.test('what root makes belongs to the user of the daemon', { skip: process.getuid?.() !== 0 }, async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  execFileSync('chown', ['-R', '4242:4343', site.folder])
  const { code, stderr } = await ctl('activate', '--key-file', keyFile(key), '--sessions', '5')
  t.equal(code, 0, stderr)
  const { stateDirectory, license } = site.config
  for (const file of [
    license.file,
    ...['state.db', 'exchange.lock', 'machine/machine.key'].map(name => join(stateDirectory, name)),
  ]) {
    const { uid, gid } = statSync(file)
    t.strictSame([uid, gid], [4242, 4343], file)
  }
})
