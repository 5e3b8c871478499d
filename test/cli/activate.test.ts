import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startHere } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { startCustomer } from './customer-site.ts'

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

t.test('a daemon that cannot be asked is a warning, since the license has come', async t => {
  const { vendor, ctl, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(100)
  // Longer than the path of a socket may be.
  const asked = ['--socket', `/tmp/${'s'.repeat(200)}`, '--json']
  for (const command of [['activate', '--key-file', keyFile(key), '--sessions', '10'], ['reactivate']]) {
    const done = await ctl(...command, ...asked)
    t.match(done, { code: 0, stderr: /^warning: it could not be asked whether sessiond has taken it: /m })
    t.match(JSON.parse(done.stdout), { outcome: 'refreshed' }, 'one document')
  }
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
