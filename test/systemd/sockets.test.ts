import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { assignSockets, takeInheritedSockets } from '../../src/systemd/inherited-sockets.ts'
import { DaemonProcess, openAs } from '../support/daemon.ts'
import { RawClient } from '../support/raw-client.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

t.setTimeout(120_000)

t.test('what systemd hands over is read once, by name', async t => {
  const take = (environment: NodeJS.ProcessEnv) => {
    const sockets = takeInheritedSockets(environment, 42)
    t.strictSame(environment, { OTHER: '1' })
    return sockets
  }
  const given = { OTHER: '1', LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'tcp:unix' }
  const both = [
    { name: 'tcp', fd: 3 },
    { name: 'unix', fd: 4 },
  ]
  t.strictSame(take({ ...given }), both)
  t.strictSame(take({ ...given, LISTEN_PID: '41' }), [], 'meant for another process')
  t.strictSame(take({ OTHER: '1', LISTEN_FDS: '2' }), [])
  t.strictSame(take({ ...given, LISTEN_FDS: '3' }), [...both, { name: '', fd: 5 }])
  for (const wrong of ['', '-1', '2.5', 'two', '99999']) {
    t.strictSame(take({ ...given, LISTEN_FDS: wrong }), [], wrong)
  }
  t.equal(take({ ...given, LISTEN_FDS: '999' }).length, 64)
  t.strictSame(assignSockets(both, ['unix', 'tcp', 'operations']), {
    sockets: { tcp: 3, unix: 4 },
    leftOver: [],
  })
  const twice = [...both, { name: 'unix', fd: 5 }, { name: '', fd: 6 }]
  t.strictSame(assignSockets(twice, ['unix']), { sockets: { unix: 4 }, leftOver: ['tcp', 'unix', ''] })
})

/** The daemon as systemd starts it at the first connection, with these sockets. */
async function activate(t: Test, site: Site, sockets: Record<string, string>): Promise<DaemonProcess> {
  const listening = Object.values(sockets).flatMap(address => ['--listen', address])
  const starter = ['systemd-socket-activate', ...listening, `--fdname=${Object.keys(sockets).join(':')}`]
  const started = DaemonProcess.start(t, site, { starter })
  const address = Object.values(sockets).find(one => one.startsWith('/'))!
  // Its file is there a moment before anybody listens.
  const waking = until('the socket of systemd', () => isReached(t, address))
  const [daemon] = await Promise.all([started, waking])
  return daemon
}

function isReached(t: Test, address: string): Promise<boolean> {
  const first = connect(address)
  t.teardown(() => first.destroy())
  return new Promise(resolve => {
    first.once('connect', () => resolve(true)).on('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

t.test('sockets of systemd', { skip: missingActivator() }, async t => {
  t.test('each is served by its name, and its file is left alone', async t => {
    const site = new Site(t)
    site.config.listen.unix.mode = '0606'
    await site.license()
    writeFileSync(site.config.listen.tcp.tokenFile, 'a-token-of-16-characters', { mode: 0o600 })
    const [tcp, operations] = [await freePort(), await freePort()]
    const path = join(site.folder, 'by-systemd.sock')
    const daemon = await activate(t, site, {
      operations: `127.0.0.1:${operations}`,
      unix: path,
      tcp: `127.0.0.1:${tcp}`,
    })
    const file = lstatSync(path)
    t.match(await daemon.logged('sessiond listens.'), { tcp: { port: tcp } })
    t.notOk(existsSync(site.config.listen.unix.path), 'it opened none of its own')
    const client = await openAs(t, { path })
    const result = await client.call('session.acquire', { key: 'a' })
    t.match(result, { granted: true })
    await t.rejects(openAs(t, { host: '127.0.0.1', port: tcp }), 'TCP wants the token')
    const authorization = 'Bearer a-token-of-16-characters'
    const overTcp = await RawClient.open({ host: '127.0.0.1', port: tcp }, { headers: { authorization } })
    t.teardown(() => overTcp.cut())
    t.equal((await fetch(`http://127.0.0.1:${operations}/healthz`)).status, 200)
    t.not(file.mode & 0o777, 0o606, 'its mode is none of the daemon')
    await daemon.stop()
    const left = lstatSync(path)
    t.strictSame([left.ino, left.mode], [file.ino, file.mode])
  })

  t.test('what comes under a wrong name is not served', async t => {
    const refused = async (what: string, sockets: (path: string) => Record<string, string>, why: RegExp) => {
      const site = new Site(t)
      writeFileSync(site.config.listen.tcp.tokenFile, 'a-token-of-16-characters', { mode: 0o600 })
      const starting = activate(t, site, sockets(join(site.folder, 'by-systemd.sock')))
      await t.rejects(starting, { message: why }, what)
    }
    const port = await freePort()
    const tcpForUnix = (path: string) => ({ unix: `127.0.0.1:${port}`, other: path })
    await refused('TCP instead of the Unix socket, which has no token', tcpForUnix, /calls "unix" is none/)
    await refused('a Unix socket instead of TCP', tcp => ({ tcp }), /is none of TCP/)
    const beyond = (unix: string) => ({ unix, tcp: `0.0.0.0:${port}` })
    await refused('TCP beyond loopback', beyond, /both or none must be loopback/)
  })
})

function missingActivator(): string | false {
  try {
    execFileSync('systemd-socket-activate', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'there is no systemd-socket-activate on this machine'
  }
}
