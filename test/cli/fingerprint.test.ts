import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readMachineFacts } from '../../src/daemon/machine/facts.ts'
import { verifyMachineRequest } from '../../src/license/machine-request.ts'
import { invoke } from './invoke.ts'
import { issueByHand, makeVendorAndMachine } from './vendor.ts'

const cwd = t.testdir()
const ctl = (...args: string[]) => invoke('sessionctl', [...args, '--config', 'sessiond.yaml'], { cwd })
await makeVendorAndMachine(cwd)
const { facts } = readMachineFacts()
const secrets = [facts.machineId, facts.productUuid, ...facts.macs].filter(fact => fact !== null)

t.test('before there is a key or a license', async t => {
  const { code, stdout } = await ctl('fingerprint')
  t.equal(code, 0)
  t.match(stdout, /^Machine key {2}none yet; sessiond makes it at its first start$/m)
  t.match(stdout, /^Part +Keyed hash +If it were replaced$/m)
  t.match(stdout, /^machine-id /m)
  t.match(stdout, /A license fits while at most one of its parts differs/)
})

t.test('facts are shown to those alone who ask for them', async t => {
  t.ok(secrets.length > 0, 'this machine has facts')
  const plain = await ctl('fingerprint')
  const json = await ctl('fingerprint', '--json')
  for (const secret of secrets) {
    t.notOk(plain.stdout.includes(secret))
    t.notOk(json.stdout.includes(secret))
  }
  const shown = await ctl('fingerprint', '--show-facts')
  for (const secret of secrets) t.ok(shown.stdout.includes(secret))
  t.match(JSON.parse(json.stdout), {
    machineKeyThumbprint: null,
    match: null,
    parts: [{ part: 'machineId', name: 'machine-id' }],
  })
})

t.test('activate writes a request that the machine signed', async t => {
  const { code, stdout } = await ctl(
    'activate',
    '--request-file',
    'request.jws',
    '--sessions',
    '20',
    '--json',
  )
  t.equal(code, 0)
  const content = JSON.parse(stdout)
  const verdict = await verifyMachineRequest(readFileSync(join(cwd, 'request.jws')), Date.now())
  t.ok(verdict.ok)
  if (!verdict.ok) return
  t.equal(verdict.jkt, content.machineKeyThumbprint)
  t.match(verdict.request, {
    requestId: content.requestId,
    sessions: 20,
    generation: 0,
    installationId: null,
    version: '5.1',
  })
  t.match((await ctl('fingerprint')).stdout, `Machine key  ${verdict.jkt}`)
})

t.test('the installed license is compared', async t => {
  t.equal((await issueByHand(cwd, 'license.jws', ['--sessions', '2'])).code, 0)
  const { stdout } = await ctl('fingerprint')
  t.match(stdout, /^machine-id .* same$/m)
  t.match(stdout, 'Installed license: Every licensed part of this machine is unchanged.')
  const again = await ctl('activate', '--request-file', 'again.jws', '--json')
  t.match(
    JSON.parse(again.stdout),
    { generation: 1, installationId: /-/ },
    'the next request continues the installation',
  )
})
