import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { createAdministration } from '../src/licensing-server/administration.ts'
import { initAuthority, readIssuer } from '../src/licensing-server/authority-files.ts'
import { usualTerms } from '../src/licensing-server/ledger/pools.ts'
import { createLicensingService } from '../src/licensing-server/licensing.ts'
import { openLedger } from '../src/licensing-server/store/open.ts'
import { TestPostgres, whyNoPostgres } from '../test/support/postgres.ts'
import { cpuSeconds, cpuSecondsOfFamily } from './cpu.ts'
import { printLicensing, type Row } from './licensing-report.ts'
import { type Server, startBareIssuer, startLicensingServer, stopServer } from './licensing-servers.ts'
import {
  buildMachines,
  type Machine,
  newMachine,
  prepareRequests,
  requestOf,
  runMachines,
} from './machines.ts'
import { type Spread, spreadOf } from './report.ts'

// How many machines a licensing server can refresh in a second: two server processes on one ledger, as behind a
// load balancer, beside the rate at which this machine can sign at all, and beside servers that do only what none could
// do without (peers/bare-issuer.ts). Machines, servers and database share the same cores; the processor time of each
// for one reactivation is told apart.

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run bench:licensing --')
  .usage('$0\n\nMeasures reactivations a second on both ledgers, beside the pure rate of signing.')
  .option('smoke', { type: 'boolean', default: false, describe: 'One short round: does it work?' })
  .option('rounds', { type: 'number', default: 5, describe: 'Rounds; ratios are taken within a round' })
  .option('seconds', { type: 'number', default: 5, describe: 'Length of one measurement' })
  .option('warmup', {
    type: 'number',
    default: 30,
    describe: 'Seconds before that which are not measured: a server runs for months, not from cold',
  })
  .option('machines', {
    type: 'number',
    default: 512,
    describe: 'Machines that wait for an answer at a time: so many that no core stands still',
  })
  .option('ledger', { type: 'string', describe: 'Only this one: SQLite or PostgreSQL' })
  .option('server-flags', { type: 'string', describe: 'Flags of node for the servers, such as --cpu-prof' })
  .option('json', { type: 'string', describe: 'Write the figures to this file' })
  .strict()
  .parse()

const rounds = args.smoke ? 1 : args.rounds
const seconds = args.smoke ? 0.5 : args.seconds
/** Until the machines no longer ask all at once. */
const leadSeconds = args.smoke ? 0.2 : 1
const warmupSeconds = args.smoke ? 0.5 : args.warmup
const machineCount = args.smoke ? 8 : args.machines
const flags = args.serverFlags?.split(' ') ?? []
const SERVERS = 2
const CORES = 2
/** More than any two cores can sign, so that nobody runs out of requests. */
const MOST_PER_SECOND = 2500

/** Milliseconds of processor time for one reactivation; `database` is null where it is part of the servers. */
interface Cost {
  servers: number
  database: number | null
  machines: number
}

interface Signing {
  rate: number
  cpuMs: number
}

interface Measured {
  rate: number
  cost: Cost
  p50Ms: number
  p99Ms: number
}

const directory = mkdtempSync(join(tmpdir(), 'licensing-bench-'))
const authority = join(directory, 'authority')
await initAuthority(authority, { organization: 'Benchmark', now: Date.now() })
const program = buildMachines(directory)
const withPostgres = whyNoPostgres() === false && args.ledger !== 'SQLite'
const postgres = withPostgres ? await TestPostgres.start(['synchronous_commit=on']) : null
const sites: Site[] = []
try {
  if (args.ledger !== 'PostgreSQL') sites.push(await openSite('SQLite', join(directory, 'ledger.sqlite')))
  if (postgres !== null) sites.push(await openSite('PostgreSQL', await postgres.createDatabase()))
  else if (args.ledger !== 'SQLite')
    process.stderr.write('PostgreSQL is not installed and is left out: apt-get install postgresql\n')
  for (const site of sites) {
    await reactivate(site, warmupSeconds)
    await reactivate(site.bare, warmupSeconds)
  }
  const signing: Signing[] = []
  for (let round = 0; round < rounds; round++) {
    signing.push(await pureSigning())
    for (const site of sites) {
      site.measured.push(await reactivate(site, seconds))
      site.bare.measured.push(await reactivate(site.bare, seconds))
    }
  }
  const rows = await Promise.all(sites.map(site => rowOf(site, signing)))
  const limit = {
    signaturesPerSecond: spreadOf(signing.map(({ rate }) => rate)),
    cpuMs: spreadOf(signing.map(({ cpuMs }) => cpuMs)),
  }
  printLicensing(limit, rows, { cores: CORES, servers: SERVERS })
  if (args.json !== undefined) {
    writeFileSync(args.json, `${JSON.stringify({ signing: limit, rows }, null, 2)}\n`)
  }
} finally {
  await Promise.all(sites.flatMap(({ processes, bare }) => [...processes, ...bare.processes].map(stopServer)))
  await postgres?.stop()
  rmSync(directory, { recursive: true, force: true })
}

async function rowOf(site: Site, signing: Signing[]): Promise<Row> {
  const { measured } = site
  const of = (value: (one: Measured) => number) => spreadOf(measured.map(value))
  return {
    ledger: site.name,
    reactivationsPerSecond: of(({ rate }) => rate),
    ofSigning: spreadOf(measured.map(({ rate }, round) => rate / signing[round]!.rate)),
    ofSigningByProcessor: byProcessor(measured, signing),
    bareOfSigning: spreadOf(site.bare.measured.map(({ rate }, round) => rate / signing[round]!.rate)),
    bareOfSigningByProcessor: byProcessor(site.bare.measured, signing),
    cpuMs: {
      servers: of(({ cost }) => cost.servers),
      database: site.name === 'SQLite' ? null : of(({ cost }) => cost.database ?? 0),
      machines: of(({ cost }) => cost.machines),
    },
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    eventBytes: await eventBytes(site),
  }
}

function byProcessor(measured: Measured[], signing: Signing[]): Spread {
  return spreadOf(
    measured.map(({ cost }, round) => {
      return signing[round]!.cpuMs / (cost.servers + (cost.database ?? 0) + cost.machines)
    }),
  )
}

/** Servers under load, and the machines that ask them. */
interface Load {
  name: 'SQLite' | 'PostgreSQL'
  machines: Machine[]
  processes: Server[]
  measured: Measured[]
}

interface Site extends Load {
  location: string
  bare: Load
}

/** A ledger with activated machines, and the servers on it. */
async function openSite(name: Site['name'], location: string): Promise<Site> {
  const store = await openLedger(location)
  const issuer = readIssuer(authority, Date.now())
  const service = createLicensingService({ store, issuer: () => issuer })
  const admin = createAdministration({ store, by: 'benchmark' })
  const representative = { name: 'Benchmark', email: 'bench@vendor.example', phone: '+44 20 7946 0000' }
  await admin.addCustomer({ customerId: 'bench', name: 'Benchmark', representative })
  const pool = {
    poolId: 'bench',
    customerId: 'bench',
    product: 'call-services',
    total: machineCount,
  } as const
  await admin.openPool({ ...pool, terms: { ...usualTerms, versions: { from: '5.0', to: '5.x' } } })
  const { text: installationKey } = await admin.createKey('bench', 'benchmark')
  const machines = Array.from({ length: machineCount }, newMachine)
  for (const machine of machines) {
    const answer = await service.activate(await requestOf(machine, 0, 1), { installationKey })
    if (answer.kind !== 'license') throw new Error(JSON.stringify(answer))
    machine.installationId = answer.installationId
    machine.generation = answer.generation
  }
  await store.close()
  const processes = await Promise.all(
    Array.from({ length: SERVERS }, () => startLicensingServer(authority, location, { directory, flags })),
  )
  return { name, location, machines, processes, measured: [], bare: await openBare(name) }
}

async function openBare(name: Load['name']): Promise<Load> {
  const location = name === 'SQLite' ? join(directory, 'bare.sqlite') : await postgres!.createDatabase()
  const machines = Array.from({ length: machineCount }, newMachine)
  for (const machine of machines) machine.installationId = randomUUID()
  const processes: Server[] = []
  // One after the other, since the first makes the table.
  for (let index = 0; index < SERVERS; index++) processes.push(await startBareIssuer(authority, location))
  return { name, machines, processes, measured: [] }
}

/** One measurement: all machines of a site ask, each of them the servers in turns. */
async function reactivate({ name, machines, processes }: Load, seconds: number): Promise<Measured> {
  const file = join(directory, 'requests')
  await prepareRequests(
    file,
    machines,
    Math.ceil(((leadSeconds + seconds) * MOST_PER_SECOND) / machines.length) + 8,
  )
  const pids = processes.map(({ child }) => child.pid!)
  const postmaster = name === 'PostgreSQL' ? postmasterOf(postgres!) : null
  const database = () => (postmaster === null ? 0 : cpuSecondsOfFamily(postmaster))
  const before = { servers: cpuSeconds(pids), database: database() }
  const run = await runMachines(program, file, machines, {
    leadSeconds,
    seconds,
    ports: processes.map(({ port }) => port),
  })
  const answered = run.answered.reduce((sum, one) => sum + one, 0)
  const each = (cpu: number) => (cpu * 1000) / answered
  const cost = {
    servers: each(cpuSeconds(pids) - before.servers),
    database: postmaster === null ? null : each(database() - before.database),
    machines: each(run.cpuSeconds),
  }
  return { rate: run.rate, cost, p50Ms: run.p50Ms, p99Ms: run.p99Ms }
}

function postmasterOf({ folder }: TestPostgres): number {
  return Number(readFileSync(join(folder, 'cluster/postmaster.pid'), 'latin1').split('\n', 1)[0])
}

/** What the ledger keeps of each event for good, index included. */
async function eventBytes({ name, location }: Site): Promise<number> {
  if (name === 'PostgreSQL') {
    const [row] = await postgres!.query(
      location,
      `select pg_total_relation_size('event')::float8 / count(*) as bytes from event`,
    )
    return Number(row?.['bytes'])
  }
  const database = new Database(location, { readonly: true })
  const bytes = database
    .prepare(
      `select (select sum(pgsize) from dbstat where name in ('event', 'sqlite_autoindex_event_1')) * 1.0
        / (select count(*) from event)`,
    )
    .pluck()
    .get()
  database.close()
  return Number(bytes)
}

/** Signatures a second of all cores, while nothing else runs, over as many bytes as a license has. */
async function pureSigning(): Promise<Signing> {
  const before = process.cpuUsage()
  const workerData = { authority, bytes: 3300, seconds }
  const signed = await Promise.all(
    Array.from(
      { length: CORES },
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(new URL('./sign-worker.ts', import.meta.url), { workerData })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  const cpu = process.cpuUsage(before)
  const total = signed.reduce((sum, count) => sum + count, 0)
  return { rate: total / seconds, cpuMs: (cpu.user + cpu.system) / 1000 / total }
}
