import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The servers run on one core and the generator on the other, so that neither takes the other's time. */
export const SERVER_CORE = '0'
export const LOAD_CORE = '1'

const root = join(import.meta.dirname, '..')
const READY_TIMEOUT_MS = 20_000

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

/** The daemon as shipped (`dist/`), with a demonstration license of its own. */
export async function startSessiond(directory: string, sessions: number, name = 'sessiond'): Promise<Server> {
  const state = join(directory, name)
  const program = join(root, 'dist/cli/sessiond.cjs')
  const child = launch(
    process.execPath,
    [program, 'demo', '--dir', state, '--sessions', String(sessions)],
    'pipe',
  )
  const operationsPort = operationsPortOf(child)
  const socket = join(state, 'run/sessiond.sock')
  await exists(socket, child)
  return { ...server(name, socket, 'sessiond', child), operationsPort: await operationsPort }
}

/** The demonstration takes a free port, and its log says which. */
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

/** Redis of the distribution; null where it is not installed. Nobody but this directory's socket reaches it. */
export async function startRedis(directory: string, appendOnly: boolean): Promise<Server | null> {
  if (!isInstalled('redis-server')) return null
  const name = appendOnly ? 'redis-aof' : 'redis'
  const socket = join(directory, `${name}.sock`)
  const persistence = ['--save', '', '--appendonly', appendOnly ? 'yes' : 'no', '--appendfsync', 'everysec']
  const where = ['--port', '0', '--unixsocket', socket, '--dir', directory, '--appenddirname', name]
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

function launch(program: string, args: string[], output: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  return spawn('taskset', ['-c', SERVER_CORE, program, ...args], {
    cwd: root,
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
