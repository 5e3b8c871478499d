import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import type { License } from '../src/license/document.ts'
import { fingerprintOf } from '../src/license/fingerprint.ts'
import { createMachineRequest } from '../src/license/machine-request.ts'
import { apiPaths } from '../src/licensing-api/schemas.ts'
import { createAdministration } from '../src/licensing-server/administration.ts'
import { initAuthority, readIssuer } from '../src/licensing-server/authority-files.ts'
import { usualTerms } from '../src/licensing-server/ledger/pools.ts'
import { createLicensingService } from '../src/licensing-server/licensing.ts'
import { openLedger } from '../src/licensing-server/store/open.ts'
import { TestPostgres, whyNoPostgres } from '../test/support/postgres.ts'
import { type Spread, spreadOf } from './report.ts'

// How many machines a licensing server can refresh in a second: two server processes on one ledger, as behind a
// load balancer, beside the rate at which this machine can sign at all.

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run bench:licensing --')
  .usage('$0\n\nMeasures reactivations a second on both ledgers, beside the pure rate of signing.')
  .option('smoke', { type: 'boolean', default: false, describe: 'One short round: does it work?' })
  .option('rounds', { type: 'number', default: 5, describe: 'Rounds; ratios are taken within a round' })
  .option('seconds', { type: 'number', default: 5, describe: 'Length of one measurement' })
  .option('json', { type: 'string', describe: 'Write the figures to this file' })
  .strict()
  .parse()

const rounds = args.smoke ? 1 : args.rounds
const seconds = args.smoke ? 0.5 : args.seconds
/** Machines that each wait for their answer before they ask again. */
const MACHINES = args.smoke ? 8 : 64
const SERVERS = 2
const CORES = 2
const root = join(import.meta.dirname, '..')

interface Machine {
  readonly key: KeyObject
  readonly fingerprint: ReturnType<typeof fingerprintOf>
  license: License
}

const directory = mkdtempSync(join(tmpdir(), 'licensing-bench-'))
const authority = join(directory, 'authority')
await initAuthority(authority, { organization: 'Benchmark', now: Date.now() })
const postgres = whyNoPostgres() === false ? await TestPostgres.start(['synchronous_commit=on']) : null
try {
  const ledgers = new Map([['SQLite', join(directory, 'ledger.sqlite')]])
  if (postgres !== null) ledgers.set('PostgreSQL', await postgres.createDatabase())
  else process.stderr.write('PostgreSQL is not installed and is left out: apt-get install postgresql\n')
  const sites = []
  for (const [name, location] of ledgers)
    sites.push({ name, ...(await openSite(location)), rates: [] as number[] })
  const signing: number[] = []
  for (let round = 0; round < rounds; round++) {
    signing.push(await pureSigning(sites[0]!.machines[0]!.license))
    for (const site of sites) site.rates.push(await reactivate(site.machines, site.urls))
  }
  const rows = sites.map(({ name, rates }) => ({
    ledger: name,
    reactivationsPerSecond: spreadOf(rates),
    ofSigning: spreadOf(rates.map((rate, round) => rate / signing[round]!)),
  }))
  print(spreadOf(signing), rows)
  if (args.json !== undefined) {
    writeFileSync(args.json, `${JSON.stringify({ signing: spreadOf(signing), rows }, null, 2)}\n`)
  }
  for (const { processes } of sites) for (const server of processes) server.kill('SIGTERM')
} finally {
  await postgres?.stop()
  rmSync(directory, { recursive: true, force: true })
}

function print(
  signing: Spread,
  rows: { ledger: string; reactivationsPerSecond: Spread; ofSigning: Spread }[],
): void {
  process.stdout.write(`signatures alone, ${CORES} threads: ${signing.median.toFixed(0)} a second\n`)
  for (const { ledger, reactivationsPerSecond, ofSigning } of rows) {
    const rate = reactivationsPerSecond.median.toFixed(0)
    const share = `${(ofSigning.median * 100).toFixed(0)} ± ${(ofSigning.spread * 100).toFixed(0)} %`
    process.stdout.write(`${ledger}, ${SERVERS} servers: ${rate} reactivations a second, ${share} of it\n`)
  }
}

/** A ledger with activated machines, and the servers on it. */
async function openSite(location: string) {
  const store = await openLedger(location)
  const issuer = readIssuer(authority, Date.now())
  const service = createLicensingService({ store, issuer: () => issuer })
  const admin = createAdministration({ store, by: 'benchmark' })
  const representative = { name: 'Benchmark', email: 'bench@vendor.example', phone: '+44 20 7946 0000' }
  await admin.addCustomer({ customerId: 'bench', name: 'Benchmark', representative })
  const pool = { poolId: 'bench', customerId: 'bench', product: 'call-services', total: MACHINES } as const
  await admin.openPool({ ...pool, terms: { ...usualTerms, versions: { from: '5.0', to: '5.x' } } })
  const { text: installationKey } = await admin.createKey('bench', 'benchmark')
  const machines: Machine[] = []
  for (let number = 0; number < MACHINES; number++) {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const machine = { key, fingerprint: newFingerprint(), license: null as License | null }
    const answer = await service.activate(await requestOf(machine, 1), { installationKey })
    if (answer.kind !== 'license') throw new Error(JSON.stringify(answer))
    machines.push({ ...machine, license: payloadOf(answer.license) })
  }
  await store.close()
  const servers = await Promise.all(
    Array.from({ length: SERVERS }, (_, number) => startServer(location, number)),
  )
  return { machines, urls: servers.map(({ url }) => url), processes: servers.map(({ child }) => child) }
}

function newFingerprint() {
  const mac = randomUUID().replaceAll('-', '').slice(0, 10).match(/../g)!.join(':')
  return fingerprintOf({
    machineId: randomUUID().replaceAll('-', ''),
    productUuid: randomUUID(),
    macs: [`00:${mac}`],
    cpuModel: 'Benchmark',
  })
}

function requestOf(
  {
    key,
    fingerprint,
    license,
  }: { key: KeyObject; fingerprint: Machine['fingerprint']; license: License | null },
  sessions: number | null,
): Promise<string> {
  return createMachineRequest(
    {
      product: 'call-services',
      version: '5.1',
      installationId: license?.installationId ?? null,
      generation: license?.generation ?? 0,
      sessions,
      fingerprint,
      hostname: 'bench',
      earlierRequestIds: [],
      deactivationOf: null,
    },
    {
      privateKey: createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })),
      requestId: randomUUID(),
      now: Date.now(),
    },
  )
}

function payloadOf(license: string): License {
  return JSON.parse(Buffer.from(license.split('.')[1]!, 'base64url').toString()) as License
}

async function startServer(location: string, number: number): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort()
  const quota = { burst: 1_000_000, perHour: 100_000_000 }
  const config = {
    listen: { port },
    operations: { enabled: false },
    authority: { directory: authority },
    ledger: { location },
    limits: { perAddress: quota, perKey: quota, wrongKeys: quota },
    log: { level: 'warn' },
  }
  const file = join(directory, `server-${port}-${number}.yaml`)
  writeFileSync(file, JSON.stringify(config))
  const program = join(root, 'dist/cli/licensing-server.cjs')
  const child = spawn(process.execPath, [program, 'run', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const answered = await fetch(`${url}/`).then(
      () => true,
      () => false,
    )
    if (answered) return { url, child }
    if (tries === 200 || child.exitCode !== null)
      throw new Error(`The licensing server on ${url} does not answer.`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => probe.once('listening', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise(resolve => probe.close(resolve))
  return port
}

/** Reactivations a second of all machines, each of which asks its servers in turns. */
async function reactivate(machines: Machine[], urls: string[]): Promise<number> {
  const start = performance.now()
  const until = start + seconds * 1000
  let answered = 0
  const lane = async (machine: Machine, number: number) => {
    for (let turn = number; performance.now() < until; turn++) {
      const body = JSON.stringify({ request: await requestOf(machine, null) })
      const url = `${urls[turn % urls.length]}${apiPaths.reactivations}`
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const reply = (await response.json()) as { license?: string }
      if (reply.license === undefined) throw new Error(JSON.stringify(reply))
      machine.license = payloadOf(reply.license)
      answered++
    }
  }
  await Promise.all(machines.map(lane))
  return answered / ((performance.now() - start) / 1000)
}

async function pureSigning(license: License): Promise<number> {
  const signed = await Promise.all(
    Array.from(
      { length: CORES },
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(new URL('./sign-worker.ts', import.meta.url), {
            workerData: { authority, license, seconds },
          })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  return signed.reduce((sum, count) => sum + count, 0) / seconds
}
