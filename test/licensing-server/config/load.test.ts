import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigFault, formatProblem } from '../../../src/config/problem.ts'
import { loadConfig } from '../../../src/licensing-server/config/load.ts'

function load(
  test: Test,
  yaml: string,
  environment: Record<string, string> = {},
  flags: Record<string, string> = {},
) {
  const file = join(test.testdir(), 'licensing-server.yaml')
  writeFileSync(file, yaml)
  return loadConfig({ file, environment, flags, workingDirectory: '/cwd' })
}

/** The problems as they are printed, with the file called FILE. */
function problemsOf(test: Test, yaml: string, flags: Record<string, string> = {}): string[] {
  try {
    load(test, yaml, {}, flags)
    return []
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error
    test.match(error.hint, 'licensing-server check-config')
    return error.problems.map(problem => formatProblem(problem).replace(/^\S+licensing-server\.yaml/, 'FILE'))
  }
}

t.test('flag over environment over file over default', async t => {
  const { config, sources, warnings } = load(
    t,
    'listen: {port: 1}\npage: {vendor: A}\nlog: {level: warn}\nauthority: {directory: here}\n',
    {
      LICENSING_SERVER_LISTEN_PORT: '2',
      LICENSING_SERVER_PAGE_VENDOR: 'B',
      LICENSING_SERVER_LISTEN_PROT: '9',
    },
    { 'listen.port': '3' },
  )
  t.match(config, { listen: { port: 3 }, page: { vendor: 'B' }, log: { level: 'warn' } })
  t.equal(sources.get('page.vendor')?.where, 'LICENSING_SERVER_PAGE_VENDOR')
  t.match(config.authority.directory, /load\.test.*\/here$/, 'relative to the folder of the file')
  t.match(warnings, [
    /LICENSING_SERVER_LISTEN_PROT is no setting of licensing-server.*Did you mean .*LISTEN_PORT/,
  ])
})

t.test('what is not known, with a suggestion', async t => {
  t.strictSame(problemsOf(t, 'listen:\n  prot: 5\nlimits:\n  perKey: {brust: 1}\n'), [
    "FILE:2:3: key 'listen.prot' is not known; did you mean 'port'?",
    "FILE:4:12: key 'limits.perKey.brust' is not known; did you mean 'burst'?",
  ])
})

t.test('beyond loopback only with TLS, or behind proxies that do TLS', async t => {
  const files = 'certFile: a.pem, keyFile: b.pem'
  t.match(problemsOf(t, 'listen: {host: 0.0.0.0}\n'), [
    /^FILE:1:16: key 'listen\.host' '0\.0\.0\.0' can be reached from/,
  ])
  for (const good of [
    'listen: {host: localhost}\n',
    'listen: {host: "::1"}\n',
    `listen: {host: 0.0.0.0, tls: {${files}}}\n`,
    'listen: {host: 0.0.0.0, trustedProxies: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1]}\n',
  ]) {
    t.strictSame(problemsOf(t, good), [], good)
  }
  for (const proxy of ['10.0.0.0/33', '999.1.1.1', '::1/129', '1:2']) {
    t.match(
      problemsOf(t, `listen: {trustedProxies: ["${proxy}"]}\n`),
      [/is no address and no network/],
      proxy,
    )
  }
})

t.test('where the ledger is, without its password', async t => {
  for (const good of [
    '/l.sqlite',
    'postgres:///licensing?host=/run/postgresql',
    'postgresql://me@db:5432/licensing',
  ]) {
    t.strictSame(problemsOf(t, `ledger: {location: "${good}"}\n`), [], good)
  }
  for (const bad of ['postgres://me:secret@db/x', 'postgres://db/x?user=me&password=secret']) {
    const [problem] = problemsOf(t, `ledger: {location: "${bad}"}\n`)
    t.match(problem, /holds a password; name the file .* PGPASSFILE/)
    t.notMatch(problem, 'secret')
  }
  t.match(problemsOf(t, 'ledger: {location: ledger.sqlite}\n'), [
    /must be the absolute path of a SQLite file/,
  ])
})

t.test('the metrics have a listener of their own', async t => {
  t.match(problemsOf(t, 'listen: {port: 80}\noperations: {port: 80}\n'), [
    /must differ from 'listen\.port' \(80\)/,
  ])
  t.strictSame(problemsOf(t, 'listen: {port: 80}\noperations: {port: 80, enabled: false}\n'), [])
  t.strictSame(problemsOf(t, 'listen: {port: 0}\noperations: {port: 0}\n'), [])
})
