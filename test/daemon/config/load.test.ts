import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { defaultConfig } from '../../../src/daemon/config/keys.ts'
import { type LoadOptions, loadConfig } from '../../../src/daemon/config/load.ts'
import { ConfigFault, formatProblem } from '../../../src/daemon/config/problem.ts'
import { ConfigSchema } from '../../../src/daemon/config/schema.ts'

type More = Partial<LoadOptions>

function write(test: Test, yaml: string): string {
  const file = join(test.testdir(), 'sessiond.yaml')
  writeFileSync(file, yaml)
  return file
}

function load(test: Test, yaml: string, more: More = {}) {
  return loadConfig({ file: write(test, yaml), environment: {}, workingDirectory: '/cwd', ...more })
}

/** The problems as they are printed, with the file called FILE. */
function problemsOf(test: Test, yaml: string, more: More = {}): string[] {
  const file = write(test, yaml)
  try {
    loadConfig({ file, environment: {}, workingDirectory: '/cwd', ...more })
    return []
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error
    return error.problems.map(problem => formatProblem(problem).replaceAll(file, 'FILE'))
  }
}

t.test('nothing said', async t => {
  for (const yaml of ['', '# a comment\n', 'listen:\n', 'applications:\nlog:\n']) {
    const { config, sources } = load(t, yaml)
    t.strictSame(config, defaultConfig(), JSON.stringify(yaml))
    for (const source of sources.values()) t.equal(source.kind, 'file')
  }
})

t.test('flag over environment over file over default', async t => {
  const yaml =
    'log: {level: warn}\nsessions:\n  resumeWindowMs: 1\n  maxPerClient: 2\nshutdown:\n  drainMs: 3\n'
  const { config, sources } = load(t, yaml, {
    environment: { SESSIOND_SESSIONS_RESUME_WINDOW_MS: '10', SESSIOND_SESSIONS_MAX_PER_CLIENT: '20' },
    flags: { 'sessions.resumeWindowMs': '100' },
  })
  t.strictSame(config.sessions, { resumeWindowMs: 100, maxPerClient: 20 })
  t.equal(config.shutdown.drainMs, 3)
  t.equal(config.bounds.maxBatchLength, 512)
  t.strictSame(sources.get('sessions.resumeWindowMs'), { kind: 'flag', where: '--sessions.resumeWindowMs' })
  t.equal(sources.get('sessions.maxPerClient')?.where, 'SESSIOND_SESSIONS_MAX_PER_CLIENT')
  t.match(sources.get('shutdown.drainMs')?.where, /sessiond\.yaml:6:12$/)
  t.notOk(sources.has('bounds.maxBatchLength'))
})

t.test('values as text', async t => {
  const { config } = load(t, '', {
    environment: {
      SESSIOND_LISTEN_UNIX_MODE: '0600',
      SESSIOND_LISTEN_UNIX_GROUP: 'null',
      SESSIOND_LISTEN_TCP_ENABLED: 'true',
      SESSIOND_LISTEN_TCP_TLS_CERT_FILE: 'c.pem',
      SESSIOND_LISTEN_TCP_TLS_KEY_FILE: '/k.pem',
      SESSIOND_LISTEN_ALLOWED_ORIGINS: 'http://127.0.0.1, https://a.example',
      SESSIOND_APPLICATIONS: '{ivr: {max: 5}, vm: }',
      SESSIOND_PRODUCT_VERSION: '5.10',
      SESSIOND_SHUTDOWN_DRAIN_MS: '',
    },
    flags: { 'log.level': 'debug', 'license.revocationFile': 'revoked.txt' },
  })
  t.equal(config.listen.unix.mode, '0600')
  t.equal(config.listen.unix.group, null)
  t.strictSame(config.listen.tcp.tls, { certFile: '/cwd/c.pem', keyFile: '/k.pem' })
  t.strictSame(config.listen.allowedOrigins, ['http://127.0.0.1', 'https://a.example'])
  t.strictSame(config.applications, {
    ivr: { max: 5, feature: null, maxDurationSeconds: null },
    vm: { max: null, feature: null, maxDurationSeconds: null },
  })
  t.equal(config.product.version, '5.10')
  t.equal(config.shutdown.drainMs, 500, 'an empty variable is one that is not set')
  t.equal(config.license.revocationFile, '/cwd/revoked.txt')
  t.equal(config.log.level, 'debug')
})

t.test('relative paths start at the folder of the file', async t => {
  const { config, file } = load(t, 'stateDirectory: state\nlisten:\n  unix:\n    path: ../s.sock\n')
  t.equal(config.stateDirectory, join(file ?? '', '..', 'state'))
  t.equal(config.listen.unix.path, join(file ?? '', '..', '..', 's.sock'))
})

t.test('wrong values and unknown keys, all at once, each with its place', async t => {
  const yaml = `listen:
  unix:
    pth: /x
    mode: 0660
  tcp:
    port: abc
    host: [1]
  origins: []
log:
  level: verbose
port: 7788
something: 1
product:
  version: 5.10
sessions: 5
applications:
  'bad name': {max: 1}
  ivr:
    max: -1
    limit: 3
`
  t.strictSame(problemsOf(t, yaml), [
    "FILE:3:5: key 'listen.unix.pth' is not known; did you mean 'path'?",
    "FILE:4:11: key 'listen.unix.mode' must be a quoted octal file mode such as '0660', not 660",
    "FILE:6:11: key 'listen.tcp.port' must be a whole number from 0 to 65535, not 'abc'",
    "FILE:7:11: key 'listen.tcp.host' must be the address of an interface such as '127.0.0.1', not [1]",
    "FILE:8:3: key 'listen.origins' is not known; known here: allowedOrigins, unix, operators, tcp",
    "FILE:10:10: key 'log.level' must be one of trace, debug, info, warn, error, fatal, silent, not 'verbose'",
    "FILE:11:1: key 'port' is not known; did you mean 'listen.tcp.port'?",
    `FILE:12:1: key 'something' is not known; known here: ${Object.keys(ConfigSchema.properties).join(', ')}`,
    "FILE:14:12: key 'product.version' must be a quoted version such as '5.1', not 5.1",
    "FILE:15:11: key 'sessions' must be a map of keys and values, not 5",
    "FILE:17:3: key 'applications.bad name' is not a name of an application: 1 to 63 of A-Z a-z 0-9 . _ -, not starting with one of . _ -",
    "FILE:19:10: key 'applications.ivr.max' must be a whole number from 0 to 1000000, or null, not -1",
    "FILE:20:5: key 'applications.ivr.limit' is not known; known here: max, feature, maxDurationSeconds",
  ])
})

t.test('a map that inherits', async t => {
  t.match(problemsOf(t, '__proto__: {log: 1}\n'), [/^FILE:1:1: key '__proto__' is not known/])
  t.match(problemsOf(t, 'applications:\n  constructor:\n    max: x\n'), [
    /^FILE:3:10: key 'applications.constructor.max' must/,
  ])
  t.equal(load(t, 'applications: {constructor: {max: 1}}\n').config.applications['constructor']?.max, 1)
})

t.test('lists', async t => {
  const yaml =
    "listen:\n  allowedOrigins:\n    - https://ok.example\n    - 'null'\n    - '*'\n    - https://a.example/path\n"
  t.match(problemsOf(t, yaml), [
    "FILE:4:7: key 'listen.allowedOrigins.1' must be an exact origin such as 'https://console.example.com', not 'null'",
    "FILE:5:7: key 'listen.allowedOrigins.2' must be",
    "FILE:6:7: key 'listen.allowedOrigins.3' must be",
  ])
  const long = `listen:\n  allowedOrigins: [${Array(65).fill('https://a.b').join(', ')}]\n`
  t.match(problemsOf(t, long), [
    /^FILE:2:19: key 'listen.allowedOrigins' must be a list of at most 64 origins, not .{50,60}…$/,
  ])
})

t.test('not YAML', async t => {
  t.match(problemsOf(t, 'log:\n  level: info\n level: x\n'), [/^FILE:3:1: the file is not valid YAML: /])
  t.match(problemsOf(t, 'log: {level: info}\nlog: {level: warn}\n'), [
    /^FILE:2:1: the file is not valid YAML: .*unique/,
  ])
  t.match(problemsOf(t, 'log: *nowhere\n'), [/^FILE:1:\d+: the file is not (valid|usable) YAML: /])
  t.match(problemsOf(t, '- a\n- b\n'), [
    /^FILE:1:1: key '' must be a map|^FILE:1:1: must be a map of keys and values/,
  ])
})

t.test('one key asks of another', async t => {
  const tcp = 'listen:\n  tcp:\n    enabled: true\n    host: 0.0.0.0\n'
  t.match(problemsOf(t, tcp), [
    "FILE:4:11: key 'listen.tcp.host' '0.0.0.0' can be reached from other machines, which is refused without TLS",
  ])
  t.match(
    problemsOf(t, '', {
      environment: { SESSIOND_LISTEN_TCP_HOST: 'box', SESSIOND_LISTEN_TCP_ENABLED: 'true' },
    }),
    ["SESSIOND_LISTEN_TCP_HOST: key 'listen.tcp.host' 'box' can be reached"],
  )
  for (const host of ['127.0.0.1', '127.3.2.1', "'::1'", 'localhost']) {
    t.strictSame(problemsOf(t, `listen:\n  tcp:\n    enabled: true\n    host: ${host}\n`), [], host)
  }
  t.strictSame(problemsOf(t, tcp.replace('true', 'false')), [], 'a listener that is off may name any address')
  t.strictSame(problemsOf(t, `${tcp}    tls:\n      certFile: c\n      keyFile: k\n`), [])
  t.strictSame(problemsOf(t, `${tcp}    tls:\n      certFile: c\n`), [
    "FILE:6:7: key 'listen.tcp.tls.keyFile' is missing",
  ])
  t.match(problemsOf(t, `${tcp}    tls: 5\n`), [/^FILE:5:10: key 'listen.tcp.tls' must be a map with/])

  const long = `listen:\n  unix:\n    path: /${'x'.repeat(107)}\n`
  t.match(problemsOf(t, long), [
    /^FILE:3:11: key 'listen.unix.path' is 108 bytes long, but the kernel takes 107/,
  ])
  t.strictSame(problemsOf(t, long.replace('/x', '/')), [])
  t.match(problemsOf(t, 'bounds: {maxApplications: 1}\napplications: {a: {}, b: {}}\n'), [
    /^FILE:2:15: key 'applications' names 2 applications, but/,
  ])
  t.match(problemsOf(t, 'bounds:\n  maxFrameBytes: 100000\n  maxBufferedBytes: 70000\n'), [
    /^FILE:3:21: key 'bounds.maxBufferedBytes' must not be smaller than/,
  ])
})

t.test('thresholds of the usage state stand in order, and metrics have a port of their own', async t => {
  t.match(problemsOf(t, 'usage: {warningPercent: 90, criticalPercent: 90}\n'), [
    /^FILE:1:\d+: key 'usage.criticalPercent' must be above 'usage.warningPercent' \(90\)$/,
  ])
  t.match(problemsOf(t, 'usage:\n  warningPercent: 10\n  clearMarginPercent: 10\n'), [
    /^FILE:3:23: key 'usage.clearMarginPercent' must be below/,
  ])
  t.strictSame(problemsOf(t, 'usage: {warningPercent: 10, criticalPercent: 11, clearMarginPercent: 9}\n'), [])
  const both = 'listen: {tcp: {enabled: true, port: 9000}}\noperations: {port: 9000}\n'
  t.match(problemsOf(t, both), [
    /^FILE:2:20: key 'operations.port' must differ from 'listen.tcp.port' \(9000\)/,
  ])
  t.strictSame(problemsOf(t, both.replace('true', 'false')), [])
  t.strictSame(problemsOf(t, both.replaceAll('9000', '0')), [], 'two free ports')
  t.strictSame(problemsOf(t, `${both.trim().replace('{port', "{host: '::1', port")}\n`), [])
})

t.test('wrong text in the environment and in a flag', async t => {
  const problems = problemsOf(t, 'log:\n  level: loud\n', {
    environment: { SESSIOND_LISTEN_TCP_PORT: '99999', SESSIOND_APPLICATIONS: '{a: {mx: 1}}' },
    flags: { 'listen.tcp.enabled': 'maybe', 'bounds.maxFrameBytes': '' },
  })
  t.match(problems, [
    /^FILE:2:10: key 'log.level' must be one of/,
    "SESSIOND_LISTEN_TCP_PORT: key 'listen.tcp.port' must be a whole number from 0 to 65535, not 99999",
    "SESSIOND_APPLICATIONS: key 'applications.a.mx' is not known; did you mean 'max'?",
    "--listen.tcp.enabled: key 'listen.tcp.enabled' must be true or false, not 'maybe'",
    "--bounds.maxFrameBytes: key 'bounds.maxFrameBytes' must be a whole number",
  ])
})

t.test('variables that are no key', async t => {
  const environment = {
    SESSIOND_LOG_LEVL: 'debug',
    SESSIOND_SERVICE_HOST: '10.0.0.1',
    SESSIOND_SOCKET: '/s',
    PATH: '/bin',
  }
  t.strictSame(load(t, '', { environment }).warnings, [
    'The environment variable SESSIOND_LOG_LEVL is no setting of sessiond and is not used. Did you mean SESSIOND_LOG_LEVEL?',
    'The environment variable SESSIOND_SERVICE_HOST is no setting of sessiond and is not used.',
  ])
})

t.test('a file that cannot be read', async t => {
  const folder = t.testdir({ 'latin1.yaml': Buffer.from([0x23, 0xe9]), 'long.yaml': 'x'.repeat(1_048_577) })
  const open = (file: string) => () => loadConfig({ file, environment: {}, workingDirectory: folder })
  t.throws(open('missing.yaml'), { code: 'config-not-found', hint: /--config FILE/ })
  t.throws(open('.'), { code: 'config-not-readable' })
  t.throws(open('latin1.yaml'), { code: 'config-not-readable' })
  t.throws(open('long.yaml'), { code: 'config-not-readable', message: /1048577 bytes/ })
  const environment = { SESSIOND_CONFIG: 'elsewhere.yaml' }
  t.throws(() => loadConfig({ environment, workingDirectory: folder }), {
    message: `There is no configuration file ${folder}/elsewhere.yaml.`,
  })
})

t.test('the fault tells everything', async t => {
  const file = write(t, 'a: 1\nb: 2\n')
  t.throws(() => loadConfig({ file, environment: {}, workingDirectory: '/' }), {
    code: 'config-invalid',
    message:
      /^The configuration has 2 problems, so it is not used:\n {2}.*:1:1: key 'a' .*\n {2}.*:2:1: key 'b' /,
  })
})

t.test('what was loaded before stands as long as the file says the same', t => {
  const file = write(t, 'sessions: { resumeWindowMs: 1000 }\n')
  const options = { file, environment: {}, workingDirectory: '/cwd' }
  const first = loadConfig(options)
  t.equal(loadConfig({ ...options, before: first }), first)
  writeFileSync(file, 'sessions: { resumeWindowMs: 2000 }\n')
  const second = loadConfig({ ...options, before: first })
  t.equal(second.config.sessions.resumeWindowMs, 2000)
  writeFileSync(file, 'sessions: { resumeWindowMs: never }\n')
  t.throws(() => loadConfig({ ...options, before: second }), { code: 'config-invalid' })
  const other = join(t.testdir(), 'other.yaml')
  writeFileSync(other, 'sessions: { resumeWindowMs: 2000 }\n')
  t.equal(loadConfig({ ...options, file: other, before: second }).file, other)
  t.end()
})
