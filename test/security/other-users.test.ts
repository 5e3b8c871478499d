import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DaemonProcess, startHere } from '../support/daemon.ts'
import { handshakeText, knock, RawClient } from '../support/raw-client.ts'
import { Site } from '../support/site.ts'

const skip = process.getuid?.() === 0 ? false : 'needs root, to be other users'

/** A user and groups that the daemon knows nothing of. */
const STRANGER = 65_500
const NO_GROUP = 65_501

/** A group of this machine to which root does not belong by itself. */
function someGroup(): { name: string; gid: number } {
  const [name, , gid] = readFileSync('/etc/group', 'utf8').split('\n').at(1)!.split(':')
  return { name: name!, gid: Number(gid) }
}

/** What another user gets who connects to a socket, or reads a file: `ok` or the error of the kernel. */
function asUser(gid: number, action: 'connect' | 'read', path: string): string {
  const program = `
    const done = text => { console.log(text); process.exit(0) }
    const path = ${JSON.stringify(path)}
    if (${action === 'read'}) {
      try { require('fs').readFileSync(path); done('ok') } catch (error) { done(error.code) }
    } else require('net').connect(path, () => done('ok')).on('error', error => done(error.code))`
  const args = [
    `--reuid=${STRANGER}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=-all',
    process.execPath,
  ]
  const { stdout, stderr } = spawnSync('setpriv', [...args, '-e', program], { encoding: 'utf8', cwd: '/' })
  return stdout.trim() || stderr
}

t.test('only who is in the group connects, and nobody else reads a thing', { skip }, async t => {
  const group = someGroup()
  const site = new Site(t)
  const { stateDirectory, runtimeDirectory, listen } = site.config
  Object.assign(listen.unix, { mode: '0660', group: group.name })
  listen.tcp.enabled = true
  writeFileSync(listen.tcp.tokenFile, 'a-token-of-the-tests', { mode: 0o640 })
  // As systemd makes it: the folder of the socket may be passed.
  chmodSync(site.folder, 0o711)
  chmodSync(runtimeDirectory, 0o755)
  await site.license()
  const umask = process.umask(0o022)
  t.teardown(() => process.umask(umask))
  const { daemon } = await startHere(t, site)

  t.equal(asUser(group.gid, 'connect', listen.unix.path), 'ok', 'a member of the group')
  t.equal(asUser(NO_GROUP, 'connect', listen.unix.path), 'EACCES', 'anybody else')
  const files = [
    listen.tcp.tokenFile,
    site.stateFile,
    site.journalFile,
    join(stateDirectory, 'machine', 'machine.key'),
  ]
  for (const file of files) {
    readFileSync(file)
    t.equal(asUser(NO_GROUP, 'read', file), 'EACCES', file)
  }
  const { port } = daemon.addresses.tcp!
  const wrong = { Authorization: 'Bearer a-token-of-nobodys' }
  const { status } = await knock({ host: '127.0.0.1', port }, handshakeText({ headers: wrong }))
  t.equal(status, 401, 'TCP is open to all users, so it wants the token')
})

t.test('a database that was open to others is closed', async t => {
  const site = new Site(t)
  await site.license()
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  const first = await startHere(t, site)
  await (await first.client()).acquireAll(['call'])
  const files = [site.stateFile, site.journalFile].flatMap(file => [file, `${file}-wal`]).filter(existsSync)
  const modes = () => files.filter(existsSync).map(file => statSync(file).mode & 0o077)
  t.ok(files.length >= 3)
  t.strictSame([...new Set(modes())], [0], 'whatever the umask')
  await first.stop()
  for (const file of [site.stateFile, site.journalFile]) chmodSync(file, 0o666)
  const { daemon } = await startHere(t, site)
  t.ok(daemon)
  t.strictSame([...new Set(modes())], [0])
})

t.test('secrets are in no log, no command line and no environment, whatever the level', async t => {
  const token = 'the.access-token~of_the+tests'
  const clientSecret = 'the-secret-of-a-client-0123456789'
  const site = new Site(t)
  site.config.log.level = 'trace'
  site.config.listen.tcp.enabled = true
  writeFileSync(site.config.listen.tcp.tokenFile, token, { mode: 0o600 })
  const license = (await site.license()).trim()
  const daemon = await DaemonProcess.start(t, site)
  const client = await RawClient.open(site.socket)
  await client.call('hello', { clientId: 'client', clientSecret })
  const tokens = await client.acquireAll(['call-1', 'call-2'])
  await client.ask('session.resume', { tokens: [...tokens, `${tokens[0]}x`] })
  await client.ask('session.release', { token: tokens[0]! })
  await client.ask('hello', { token, clientSecret })
  await client.ask(token, { [clientSecret]: tokens[1] })
  client.send(`{"token":"${token}`)
  await client.next()
  site.install(`${license.slice(0, -8)}AAAAAAAA`)
  await daemon.logged('was not taken')
  daemon.child.kill('SIGHUP')
  await daemon.logged('reload')
  const of = (name: string) => readFileSync(`/proc/${daemon.pid}/${name}`, 'latin1')
  const seen = [JSON.stringify(daemon.log), daemon.stderr, of('cmdline'), of('environ')].join('\n')
  await client.close()
  const key = readFileSync(join(site.config.stateDirectory, 'machine', 'machine.key'), 'utf8')
  const secrets = [token, clientSecret, ...tokens, ...license.split('.'), ...key.split('\n').slice(1, -2)]
  for (const secret of secrets) t.notOk(seen.includes(secret), secret.slice(0, 20))
  t.ok(seen.includes('sessiond.yaml') && daemon.log.length > 3, 'there was something to be found')
})

t.test('no unit leaves a core dump, in which keys would be', async t => {
  for (const unit of ['sessiond', 'sessiond-reactivate', 'licensing-server']) {
    const text = readFileSync(new URL(`../../systemd/${unit}.service`, import.meta.url), 'utf8')
    t.match(text, /^LimitCORE=0$/m, unit)
    t.match(text, /^UMask=0077$/m, unit)
  }
})
