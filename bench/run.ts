import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { type ClientPeer, type ClientRow, measureClients } from './clients.ts'
import { compare, readBaseline, writeBaseline } from './compare.ts'
import { disturb } from './disturbances.ts'
import { measureGrowth, measureRestart } from './growth.ts'
import { buildGenerator, type Load, type Measurement, runLoad } from './load.ts'
import { measureReconnect } from './reconnect.ts'
import { type Row, rowOf, sectionTable, tableOf } from './report.ts'
import { type Peer, SCENARIOS, type Scenario, type ServerName } from './scenarios.ts'
import {
  isInstalled,
  type Server,
  startBareCounter,
  startEcho,
  startRedis,
  startSessiond,
} from './servers.ts'

/** More than any load of ours holds at once: the limit is checked, and not met. */
const SESSIONS = 100_000

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run bench --')
  .usage('$0\n\nMeasures sessiond beside what one would use instead, in alternating rounds.')
  .option('smoke', {
    type: 'boolean',
    default: false,
    describe: 'One short round of everything: does it work?',
  })
  .option('rounds', { type: 'number', default: 5, describe: 'Rounds; ratios are taken within a round' })
  .option('seconds', { type: 'number', default: 3, describe: 'Length of one measurement' })
  .option('only', { type: 'string', describe: 'Scenarios whose name contains this' })
  .option('compare', {
    type: 'boolean',
    default: false,
    describe: 'Say which ratios are not those of bench/baseline.json',
  })
  .option('keep', {
    type: 'boolean',
    default: false,
    describe: 'Keep these ratios as bench/baseline.json',
  })
  .option('json', { type: 'string', describe: 'Write the figures to this file' })
  .strict()
  .parse()

const rounds = args.smoke ? 1 : args.rounds
const time = args.smoke ? { seconds: 0.3, warmupSeconds: 0.1 } : { seconds: args.seconds, warmupSeconds: 1 }
/** What warms a server up that will be asked now and then. */
const busy: Load = { connections: 50, depth: 32, batch: 1, rate: 0 }
const growthLevels = args.smoke ? [100, 1000] : [100, 1000, 10_000, 100_000, 990_000]
const scenarios = SCENARIOS.filter(({ name }) => args.only === undefined || name.includes(args.only))

for (const program of ['cc', 'taskset']) {
  if (!isInstalled(program)) throw new Error(`The benchmark needs ${program}: apt-get install gcc util-linux`)
}

const directory = mkdtempSync(join(tmpdir(), 'sessiond-bench-'))
const generator = buildGenerator(directory)
/** What is not measured by the load generator, or not beside peers. */
const SECTIONS: Record<string, () => Promise<readonly object[]>> = {
  'client libraries': clients,
  growth: () => measureGrowth({ generator, levels: growthLevels, rounds, time, onProgress: progress }),
  restart: () => measureRestart(args.smoke ? [0, 1000] : [0, 1000, 100_000], rounds, progress),
  'reconnect storm': async () => {
    const [clients, sessionsEach] = args.smoke ? [50, 10] : [1000, 100]
    return [await measureReconnect({ directory, clients, sessionsEach, rounds, onProgress: progress })]
  },
}

try {
  if (!isInstalled('redis-server')) {
    process.stderr.write('Redis is not installed and is left out: apt-get install redis-server\n')
  }
  const rows: Row[] = []
  for (const scenario of scenarios) rows.push(...(await withServers(scenario, measure)))
  if (rows.length > 0) say(tableOf(rows))
  if (args.compare) say(compare(rows, readBaseline()))
  const sections: Record<string, unknown> = {}
  for (const [name, section] of Object.entries(SECTIONS)) {
    if (args.only !== undefined && !name.includes(args.only)) continue
    const figures = await section()
    progress('')
    say(sectionTable(name, figures))
    sections[name] = figures
  }
  if (args.keep) writeBaseline(rows)
  if (args.json !== undefined)
    writeFileSync(args.json, `${JSON.stringify({ ...report(rows), sections }, null, 2)}\n`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}

type Servers = ReadonlyMap<ServerName, Server>

/** Nobody else runs beside those that a scenario measures. */
async function withServers(
  scenario: Scenario,
  act: (scenario: Scenario, servers: Servers) => Promise<Row[]>,
): Promise<Row[]> {
  const servers = new Map<ServerName, Server>()
  try {
    for (const name of new Set(scenario.peers.map(({ server }) => server))) {
      const server = await startServer(name)
      if (server !== null) servers.set(name, server)
    }
    return await act(scenario, servers)
  } finally {
    await Promise.all([...servers.values()].map(server => server.stop()))
  }
}

async function startServer(name: ServerName): Promise<Server | null> {
  switch (name) {
    case 'ws-echo':
    case 'net-echo':
      return startEcho(name, directory)
    case 'redis':
    case 'redis-aof':
      return startRedis(directory, name === 'redis-aof')
    case 'bare-counter':
      return startBareCounter(directory, SESSIONS)
    case 'sessiond':
      return startSessiond({ name, sessions: SESSIONS })
    case 'sessiond-full':
      return startSessiond({ name, sessions: 1 })
    case 'sources':
    case 'without-journal':
    case 'never-compacted':
    case 'always-compacted':
      return startSessiond({ name, sessions: SESSIONS, variant: name })
  }
}

/** All peers once a round, so that whatever else the machine does falls on all of them. */
async function measure(scenario: Scenario, servers: Servers): Promise<Row[]> {
  const measured = new Map<string, Measurement[]>()
  // Servers run for months: what they are like in their first seconds is of no interest. At a thousand calls a second it
  // would take minutes until the code that serves them is compiled, so that calls as fast as can be come first.
  for (const [name, server] of servers) {
    progress(`${scenario.name}: warm-up, ${name}`)
    const own = scenario.peers.find(peer => peer.server === name)?.load ?? scenario.load
    const warmUp = { seconds: time.warmupSeconds, warmupSeconds: time.seconds }
    if (own.rate > 0) await runLoad(generator, server, busy, warmUp)
    await runLoad(generator, server, own, warmUp)
  }
  for (let round = 0; round < rounds; round++) {
    for (const peer of scenario.peers) {
      const server = servers.get(peer.server)
      if (server === undefined) continue
      progress(`${scenario.name}: round ${round + 1} of ${rounds}, ${nameOf(peer)}`)
      const calm = peer.disturbance === undefined ? null : await disturb(server, peer.disturbance)
      const result = await runLoad(generator, server, peer.load ?? scenario.load, time)
      await calm?.()
      measured.set(nameOf(peer), [...(measured.get(nameOf(peer)) ?? []), result])
    }
  }
  progress('')
  const reference = measured.get(nameOf(scenario.peers[0]!))!
  return [...measured].map(([peer, results]) => rowOf(scenario.name, peer, results, reference))
}

function nameOf({ name, server }: Peer): string {
  return name ?? server
}

function say(text: string): void {
  process.stdout.write(`${text}\n\n`)
}

async function clients(): Promise<ClientRow[]> {
  const redis = await startRedis(directory, true)
  const sessiond = await startSessiond({ name: 'sessiond', sessions: SESSIONS })
  const peers: ClientPeer[] = [
    { name: 'client library', kind: 'sessiond', server: sessiond },
    { name: 'client library, without batching', kind: 'sessiond-unbatched', server: sessiond },
  ]
  if (redis !== null)
    peers.unshift({ name: 'ioredis, auto-pipelining, AOF everysec', kind: 'ioredis', server: redis })
  const how = { rounds, seconds: time.seconds, onProgress: progress }
  try {
    return [
      ...(await measureClients(peers, 1, how)),
      ...(await measureClients(peers, 100, how)),
      ...(await measureClients(peers, 1000, how)),
    ]
  } finally {
    await Promise.all([redis?.stop(), sessiond.stop()])
  }
}

/** One line that is written over, on a terminal; nothing elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

function report(rows: Row[]): object {
  const machine = {
    cpus: cpus().map(({ model }) => model),
    node: process.version,
    platform: process.platform,
  }
  return { machine, rounds, seconds: time.seconds, rows }
}
