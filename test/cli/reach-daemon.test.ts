import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { knock } from '../../src/cli/sessionctl/reach-daemon.ts'

const NOBODY = 65_534

t.test('why nobody answers', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'knock-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socket = join(folder, 's.sock')
  await t.rejects(knock(socket), { code: 'daemon-not-running', message: /there is no socket/ })
  await t.rejects(knock(folder), { code: /daemon-/ })

  const server = createServer(connection => connection.end()).listen(socket)
  await once(server, 'listening')
  t.teardown(() => server.close())
  await knock(socket)

  // Root may connect to every socket, so it becomes somebody else for a moment.
  const isRoot = process.getuid?.() === 0
  chmodSync(folder, 0o755)
  const refused = async (hint: RegExp) => {
    if (isRoot) process.seteuid?.(NOBODY)
    try {
      await t.rejects(knock(socket), { code: 'daemon-not-permitted', message: /may not connect to/, hint })
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  }
  chmodSync(socket, 0o000)
  await refused(isRoot ? /^Only root may .*Use sudo\.$/ : /^Only the user \S+ and root may .*Use sudo\.$/)
  // Only root can give a socket to a group that is not its own, and then be let out of it.
  if (!isRoot) return
  chmodSync(socket, 0o660)
  chownSync(socket, 0, 1)
  await refused(/^The group (daemon|bin|1) may .*sudo usermod -aG (daemon|bin|1) \w+$/)
  chownSync(folder, 0, 1)
  chmodSync(folder, 0o750)
  await refused(/^The group (daemon|bin|1) may \(.*knock-\w+\)/)
})
