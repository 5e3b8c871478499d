// `sessionctl doctor`, each branch with the fault itself; what it says of units is the matter of test/systemd.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClocks } from '../../src/daemon/clocks.ts'
import { LicenseTimekeeper } from '../../src/daemon/license/license-time.ts'
import { trustSourcesOf } from '../../src/daemon/license/trust.ts'
import { StateStore } from '../../src/daemon/state-store.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { invoke } from './invoke.ts'

t.setTimeout(120_000)

interface Finding {
  readonly check: string
  readonly result: string
  readonly message: string
  readonly mend: string | null
}

/** What the doctor finds at a site, by check; each failure must say what mends it. */
async function findingsOf(t: Test, site: Site, env: Record<string, string> = {}) {
  const { stdout } = await invoke('sessionctl', ['doctor', '--json', '--config', site.writeConfig()], { env })
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  for (const { check, result, mend } of findings) {
    t.equal(mend !== null, result === 'failed' || result === 'warning', `${check}: ${mend}`)
  }
  return (check: string) => findings.find(one => one.check === check)
}

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

t.test('the certificate of the licensing server: good, ending, ended, of another, unreadable', async t => {
  const site = new Site(t)
  const caFile = join(site.folder, 'ca.pem')
  const look = async (days: { from?: number; to?: number }, name = 'localhost', believed = true) => {
    const made = makeCertificate(name, days)
    const server = https.createServer(made, (_, response) => response.writeHead(404).end())
    const port = await listen(t, server)
    writeFileSync(caFile, believed ? made.cert : makeCertificate('localhost').cert)
    Object.assign(site.config.licensingServer, { url: `https://localhost:${port}`, caFile })
    return { port, found: (await findingsOf(t, site))('licensing-server') }
  }
  t.match((await look({ to: 14.5 })).found, { result: 'ok', message: /^https:\/\/localhost:\d+ answers\.$/ })
  t.match((await look({ to: 13.5 })).found, { result: 'warning', message: /ends in 13 days/, mend: /vendor/ })
  t.match((await look({ to: 1.5 })).found, { result: 'warning', message: /ends in 1 day\./ })
  t.match((await look({ to: -1 })).found, { result: 'failed', message: /expired/, mend: /date -u.*vendor/ })
  t.match((await look({ from: 1 })).found, { result: 'failed', message: /not yet valid/, mend: /date -u/ })
  const other = await look({}, 'localhost', false)
  t.match(other.found, {
    result: 'failed',
    message: /self-signed certificate/,
    mend: new RegExp(`caFile.*openssl s_client -connect localhost:${other.port}`),
  })
  t.match((await look({}, 'elsewhere.example')).found, {
    result: 'failed',
    message: /altnames/,
    mend: /caFile/,
  })

  rmSync(caFile)
  const missing = (await findingsOf(t, site))('licensing-server')
  t.match(missing, { result: 'failed', message: /caFile cannot be read: ENOENT/, mend: `ls -l ${caFile}` })
  writeFileSync(caFile, 'no certificate')
  t.match((await findingsOf(t, site))('licensing-server'), { result: 'failed' })
})

t.test('the licensing server is reached as a reactivation reaches it: through the proxy', async t => {
  const site = new Site(t)
  const made = makeCertificate('license.example')
  const port = await listen(
    t,
    https.createServer(made, (_, response) => response.end()),
  )
  const proxy = http.createServer()
  proxy.on('connect', (_request, client) => {
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  const caFile = join(site.folder, 'ca.pem')
  writeFileSync(caFile, made.cert)
  Object.assign(site.config.licensingServer, { url: 'https://license.example', caFile })
  const env = { HTTPS_PROXY: `http://127.0.0.1:${await listen(t, proxy)}` }
  t.match((await findingsOf(t, site, env))('licensing-server'), { result: 'ok' })
  t.match((await findingsOf(t, site))('licensing-server'), { result: 'failed', mend: /^curl -sv https/ })
})

t.test('a licensing server that says nothing is not waited for', async t => {
  const site = new Site(t)
  const port = await listen(t, http.createServer())
  site.config.licensingServer.url = `http://127.0.0.1:${port}`
  t.match((await findingsOf(t, site))('licensing-server'), {
    result: 'failed',
    message: /it did not answer within 5 s\./,
    mend: /^curl -sv http:\/\/127/,
  })
})

t.test('a disk that has little room, hardly any, no inode, or is not there', async t => {
  const disk = SmallDisk.mount(t, 70 * 1024)
  if (disk === null) return t.comment('not tried: only root may mount a small disk')
  const site = new Site(t)
  site.config.stateDirectory = disk.path
  const look = async () => (await findingsOf(t, site))('state-space')
  t.match(await look(), { result: 'ok', message: `${disk.path} has 70 MiB left.` })
  disk.resize(63 * 1024)
  t.match(await look(), {
    result: 'warning',
    message: /only 63 MiB/,
    mend: new RegExp(`^df -h ${disk.path}`),
  })
  disk.resize(15 * 1024)
  t.match(await look(), { result: 'failed', message: /has 15 MiB/, mend: /make room/ })
  disk.resize(70 * 1024)
  disk.fill()
  t.match(await look(), { result: 'failed', message: /has 0 MiB/ })
  rmSync(join(disk.path, 'filling'))
  spawnSync('mount', ['-o', 'remount,nr_inodes=2', disk.path])
  writeFileSync(join(disk.path, 'last'), '')
  t.match(await look(), { result: 'failed', message: /no inode/, mend: `df -i ${disk.path}` })
  site.config.runtimeDirectory = join(site.folder, 'nowhere')
  t.match((await findingsOf(t, site))('runtime-space'), { result: 'failed', message: /There is no folder/ })
})

t.test('sockets that let in more than was meant, or the wrong ones', async t => {
  const site = new Site(t)
  const { path } = site.config.listen.unix
  const look = async () => (await findingsOf(t, site))('socket')
  writeFileSync(path, '')
  t.match(await look(), { result: 'failed', message: /is no socket/, mend: `sudo mv ${path} ${path}.aside` })
  rmSync(path)
  await startHere(t, site)
  t.match(await look(), { result: 'ok' })
  chmodSync(path, 0o666)
  t.match(await look(), { result: 'failed', message: /More may connect/, mend: /^sudo chmod 0660 / })
  chmodSync(path, 0o600)
  t.match(await look(), { result: 'warning', message: /mode should be/, mend: /^sudo chmod 0660 / })
  chmodSync(path, 0o660)
  site.config.listen.unix.group = 'nogroup'
  t.match(await look(), {
    result: 'failed',
    message: /group should be nogroup/,
    mend: /^sudo chgrp nogroup /,
  })
})

t.test('the token of TCP: not wanted, missing, open to others, closed', async t => {
  const site = new Site(t)
  const look = async () => (await findingsOf(t, site))('token')
  t.match(await look(), { result: 'skipped' })
  const { tcp } = site.config.listen
  tcp.enabled = true
  t.match(await look(), { result: 'failed', message: /no token file/, mend: /openssl rand/ })
  writeFileSync(tcp.tokenFile, 'a-token-for-this-test', { mode: 0o644 })
  t.match(await look(), { result: 'failed', message: /mode 0644/, mend: `sudo chmod 0640 ${tcp.tokenFile}` })
  chmodSync(tcp.tokenFile, 0o640)
  t.match(await look(), { result: 'ok' })
})

t.test('roots, license file and clock', async t => {
  const site = new Site(t)
  const { license } = site.config
  await site.license()
  t.match((await findingsOf(t, site))('clock'), { result: 'skipped' })
  chmodSync(license.file, 0o666)
  t.match((await findingsOf(t, site))('license-file'), { result: 'failed', mend: /^sudo chmod 0640/ })
  chmodSync(license.file, 0o640)
  mkdirSync(site.config.stateDirectory, { recursive: true })
  const state = new StateStore(site.stateFile, Date.now(), () => undefined)
  new LicenseTimekeeper(state, systemClocks).witness(Date.now() + 3_600_000)
  state.close()
  const found = await findingsOf(t, site)
  t.match(found('clock'), { result: 'warning', message: /behind license time/, mend: /set-ntp/ })
  t.match(found('license-file'), { result: 'ok' })
  t.match(found('trust'), { result: 'ok', message: '1 root is trusted.' })

  const { keptListsDirectory } = trustSourcesOf(site.config)
  mkdirSync(keptListsDirectory, { recursive: true })
  writeFileSync(join(keptListsDirectory, `${'0'.repeat(64)}.jws`), 'no list')
  t.match((await findingsOf(t, site))('trust'), {
    result: 'failed',
    message: /damaged/,
    mend: 'sessionctl reactivate',
  })
  rmSync(license.trustDirectory, { recursive: true })
  t.match((await findingsOf(t, site))('trust'), {
    result: 'failed',
    message: /no root certificate/,
    mend: /sudo install -D -m 644 root\.pem -t /,
  })
})

t.test(
  'where systemd does not run, it is not asked',
  { skip: existsSync('/run/systemd/system') },
  async t => {
    t.match((await findingsOf(t, new Site(t)))('service'), {
      result: 'skipped',
      message: /does not run here/,
    })
  },
)
