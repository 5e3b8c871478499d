import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listenTcp, listenUnix } from '../../src/daemon/listen.ts'

/** A socket's path has 107 bytes at most, which a test directory below the project may exceed. */
function place(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sessiond-listen-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'run', 'sessiond.sock')
}

function newServer(t: Test): Server {
  const server = createServer((_request, response) => response.end('here'))
  t.teardown(() => server.close())
  return server
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path)
  const answer = await once(socket, 'connect').catch(() => null)
  socket.destroy()
  return answer !== null
}

/** Leaves a socket file behind that nobody listens on, as a daemon that was killed does. */
function leaveStale(path: string): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', program])
}

t.test('the socket has the mode and group that were asked for, and its folder is made', async t => {
  const path = place(t)
  const umask = process.umask()
  const { gid } = statSync(tmpdir())
  for (const [mode, group] of [
    ['0660', null],
    ['0600', null],
    ['0666', groupName(gid)],
  ] as const) {
    const server = newServer(t)
    await listenUnix(server, { path, mode, group })
    const stats = lstatSync(path)
    t.ok(stats.isSocket())
    t.equal((stats.mode & 0o777).toString(8), mode.slice(1))
    if (group !== null) t.equal(stats.gid, gid)
    t.ok(await answers(path))
    server.close()
    await once(server, 'close')
    t.notOk(existsSync(path), 'it is gone with its server')
  }
  t.equal(process.umask(), umask, 'the umask is as it was')
})

function groupName(gid: number): string {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find(entry => entry.split(':')[2] === String(gid))
  return line!.split(':')[0]!
}

t.test('a group that is not there', async t => {
  const path = place(t)
  const server = newServer(t)
  const address = { path, mode: '0660', group: 'no-such-group-here' }
  await t.rejects(listenUnix(server, address), { code: 'group-unknown', hint: /groupadd/ })
  t.notOk(server.listening)
})

t.test('what a dead daemon left is removed', async t => {
  const path = place(t)
  leaveStale(path)
  t.ok(lstatSync(path).isSocket())
  t.notOk(await answers(path))
  await listenUnix(newServer(t), { path, mode: '0660', group: null })
  t.ok(await answers(path))
})

t.test('a socket on which somebody answers, or does not answer in time, is left alone', async t => {
  const path = place(t)
  mkdirSync(join(path, '..'))
  const other = createNetServer()
  t.teardown(() => other.close())
  other.listen(path)
  await once(other, 'listening')
  await t.rejects(listenUnix(newServer(t), { path, mode: '0660', group: null }), {
    code: 'socket-in-use',
    hint: /systemctl status/,
  })
  t.ok(await answers(path))
})

t.test('nothing but a socket is ever removed', async t => {
  const path = place(t)
  mkdirSync(join(path, '..'))
  const listen = () => listenUnix(newServer(t), { path, mode: '0660', group: null })
  writeFileSync(path, 'the only copy')
  await t.rejects(listen(), { code: 'socket-not-usable', message: /something else than a socket/ })
  t.equal(readFileSync(path, 'utf8'), 'the only copy')
  rmSync(path)
  mkdirSync(path)
  await t.rejects(listen(), { code: 'socket-not-usable' })
  rmSync(path, { recursive: true })
  symlinkSync('nowhere', path)
  await t.rejects(listen(), { code: 'socket-not-usable' })
  t.ok(lstatSync(path).isSymbolicLink())
})

t.test('where it may not listen', async t => {
  const path = place(t)
  const server = newServer(t)
  await t.rejects(listenUnix(server, { path: join(path, 'x'.repeat(120)), mode: '0660', group: null }), {
    code: /^socket-/,
  })
  const taken = newServer(t)
  await listenTcp(taken, '127.0.0.1', 0)
  const { port } = taken.address() as { port: number }
  await t.rejects(listenTcp(newServer(t), '127.0.0.1', port), {
    code: 'socket-in-use',
    message: new RegExp(`127.0.0.1:${port}`),
  })
  await t.rejects(listenTcp(newServer(t), '192.0.2.1', 0), {
    code: 'socket-not-usable',
    message: /EADDRNOTAVAIL/,
  })
})
