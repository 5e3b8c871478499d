import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Site } from '../test/support/site.ts'

/** The servers run on one core and the generator on the other, so that neither takes the other's time. */
export const SERVER_CORE = '0'
export const LOAD_CORE = '1'

const root = join(import.meta.dirname, '..')
const READY_TIMEOUT_MS = 20_000
/** Files in memory, as below /run. */
const MEMORY = '/dev/shm'

/** A server under load: where it listens and how its frames look to the generator (load.c). */
export interface Server {
  readonly name: string
  readonly socket: string
  readonly protocol: 'sessiond' | 'echo' | 'raw' | 'redis'
  readonly pid: number
  readonly environment: Record<string, string>
  /** Where it tells its metrics; null where it has none. */
  readonly operationsPort: number | null
  stop(): Promise<void>
}

export async function startEcho(name: 'ws-echo' | 'net-echo', directory: string): Promise<Server> {
  const socket = join(directory, `${name}.sock`)
  const child = launch(process.execPath, [join(import.meta.dirname, 'peers', `${name}.js`), socket])
  await exists(socket, child)
  return server(name, socket, name === 'ws-echo' ? 'echo' : 'raw', child)
}

/** How a daemon is started: what ships, or the sources with something changed. */
export type Variant = 'shipped' | 'sources' | 'without-journal' | 'never-compacted' | 'always-compacted'

/** What of peers/ changes the sources, where something does. */
const CHANGES: Partial<Record<Variant, { readonly peer: string; readonly compactedBytes?: string }>> = {
  'without-journal': { peer: 'without-journal.ts' },
  'never-compacted': { peer: 'compaction.ts', compactedBytes: 'Infinity' },
  'always-compacted': { peer: 'compaction.ts', compactedBytes: '0' },
}

export interface SessiondOptions {
  readonly name: string
  readonly sessions: number
  readonly variant?: Variant
  /** Sessions that one connection may hold. */
  readonly maxPerClient?: number
}

/** A daemon under load, with all that belongs to it. */
export interface SessiondServer extends Server {
  readonly site: Site
  /** Sessions of its license. */
  readonly sessions: number
  /** Kills it and starts it anew on what it left; gives the server that runs then. */
  restart(): Promise<SessiondServer>
}

/** The daemon by `sessiond run`, with a license of its own, everything switched on; its journal in memory, as under systemd. */
export async function startSessiond(options: SessiondOptions): Promise<SessiondServer> {
  const { sessions, maxPerClient = 100_000 } = options
  const atEnd: (() => unknown)[] = []
  const site = new Site({ teardown: act => atEnd.push(act) }, { sessions: { maxPerClient } as never })
  const run = existsSync(MEMORY) ? mkdtempSync(join(MEMORY, 'sessiond-bench-')) : null
  if (run !== null) {
    site.config.runtimeDirectory = run
    site.config.listen.unix.path = join(run, 'sessiond.sock')
    atEnd.push(() => rmSync(run, { recursive: true, force: true }))
  }
  await site.license({ maxSessions: sessions })
  return launchSessiond(options, site, () => {
    for (const act of atEnd) act()
  })
}

async function launchSessiond(
  options: SessiondOptions,
  site: Site,
  atEnd: () => void,
): Promise<SessiondServer> {
  const { name, sessions, variant = 'shipped' } = options
  const socket = site.config.listen.unix.path
  const { compactedBytes = '' } = CHANGES[variant] ?? {}
  const command = [...flagsOf(variant), 'run', '--config', site.writeConfig()]
  const child = launch(process.execPath, command, 'pipe', { COMPACTED_BYTES: compactedBytes })
  const operationsPort = await operationsPortOf(child)
  const running = { ...server(name, socket, 'sessiond', child), operationsPort, site, sessions }
  return {
    ...running,
    restart: async () => {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
      return launchSessiond(options, site, atEnd)
    },
    stop: async () => {
      await running.stop()
      atEnd()
    },
  }
}

/** Node.js is given the flags that the first line of the program names. */
function flagsOf(variant: Variant): string[] {
  const shipped = join(root, 'dist/cli/sessiond.cjs')
  const flags = readFileSync(shipped, 'utf8').split('\n', 1)[0]!.match(/--\S+/g) ?? []
  if (variant === 'shipped') return [...flags, shipped]
  const peer = CHANGES[variant]?.peer
  const change = peer === undefined ? [] : ['--import', join(import.meta.dirname, 'peers', peer)]
  return [...flags, ...change, join(root, 'src/cli/sessiond.ts')]
}

/** Resolves when clients and metrics are served; the log says where. */
async function operationsPortOf({ stdout }: ChildProcess): Promise<number> {
  let port: number | null = null
  for await (const line of createInterface({ input: stdout! })) {
    port = line.startsWith('{') ? ((JSON.parse(line).operations?.port as number | undefined) ?? null) : null
    if (port !== null) break
  }
  // What else it says is of no interest, but has to go somewhere.
  stdout!.resume()
  if (port === null) throw new Error('The daemon ended without telling where its metrics are.')
  return port
}

/** See peers/bare-counter.ts. */
export async function startBareCounter(directory: string, sessions: number): Promise<Server> {
  const name = 'bare-counter'
  const run = existsSync(MEMORY) ? mkdtempSync(join(MEMORY, 'sessiond-bench-')) : directory
  const socket = join(run, `${name}.sock`)
  const peer = join(import.meta.dirname, 'peers', `${name}.ts`)
  const [flag = ''] = flagsOf('shipped')
  const child = launch(process.execPath, [flag, peer, socket, join(run, `${name}.db`), String(sessions)])
  await exists(socket, child)
  const running = server(name, socket, 'sessiond', child)
  const stop = async () => {
    await running.stop()
    if (run !== directory) rmSync(run, { recursive: true, force: true })
  }
  return { ...running, stop }
}

/** Redis of the distribution; null where it is not installed. Nobody but this directory's socket reaches it. */
export async function startRedis(directory: string, appendOnly: boolean): Promise<Server | null> {
  if (!isInstalled('redis-server')) return null
  const name = appendOnly ? 'redis-aof' : 'redis'
  const socket = join(directory, `${name}.sock`)
  const persistence = ['--save', '', '--appendonly', appendOnly ? 'yes' : 'no', '--appendfsync', 'everysec']
  // A folder of its own, so that it begins with nothing.
  const folder = mkdtempSync(join(directory, `${name}-`))
  const where = ['--port', '0', '--unixsocket', socket, '--dir', folder]
  const child = launch('redis-server', [...where, ...persistence])
  await exists(socket, child)
  const script = readFileSync(join(import.meta.dirname, 'peers/semaphore.lua'), 'utf8')
  const sha = execFileSync('redis-cli', ['-s', socket, 'SCRIPT', 'LOAD', script], { encoding: 'utf8' }).trim()
  return { ...server(name, socket, 'redis', child), environment: { REDIS_SHA: sha } }
}

export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function launch(
  program: string,
  args: string[],
  output: 'ignore' | 'pipe' = 'ignore',
  environment: Record<string, string> = {},
): ChildProcess {
  return spawn('taskset', ['-c', SERVER_CORE, program, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', output, 'ignore'],
  })
}

function server(name: string, socket: string, protocol: Server['protocol'], child: ChildProcess): Server {
  const stop = () =>
    new Promise<void>(resolve => {
      const gone = () => {
        rmSync(socket, { force: true })
        resolve()
      }
      if (child.exitCode !== null || child.signalCode !== null) return gone()
      child.once('exit', gone)
      child.kill('SIGTERM')
    })
  // taskset becomes the program that it starts, so its pid is the server's.
  return { name, socket, protocol, pid: child.pid!, environment: {}, operationsPort: null, stop }
}

async function exists(path: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + READY_TIMEOUT_MS
  while (!existsSync(path)) {
    if (child.exitCode !== null) throw new Error(`The server for ${path} ended with ${child.exitCode}.`)
    if (Date.now() > until) throw new Error(`The server for ${path} was not ready in ${READY_TIMEOUT_MS} ms.`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
