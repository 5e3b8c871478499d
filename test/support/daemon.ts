import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Clocks, systemClocks } from '../../src/daemon/clocks.ts'
import { startDaemon } from '../../src/daemon/daemon.ts'
import { createLogger } from '../../src/daemon/log.ts'
import type { RunningDaemon } from '../../src/daemon/running-daemon.ts'
import { programFile, userEnvironment } from './programs.ts'
import { type Endpoint, type HandshakeOptions, RawClient } from './raw-client.ts'
import type { Site, TearDown } from './site.ts'
import { until } from './until.ts'

/** One line of a daemon's log. */
export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

/** A daemon that runs in the process of the test. */
export interface DaemonHere {
  readonly daemon: RunningDaemon
  readonly log: LogLine[]
  /** Opens a connection on the Unix socket, that is cut when the test ends. */
  client(options?: HandshakeOptions): Promise<RawClient>
  /** Waits for a line that holds the text. */
  logged(text: string): Promise<LogLine>
  /** Stops it; more than once does no harm. */
  stop(): Promise<void>
}

/** Starts a real daemon in this process; it is stopped when the test ends. */
export async function startHere(t: TearDown, site: Site, clocks: Clocks = systemClocks): Promise<DaemonHere> {
  const log: LogLine[] = []
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) }
  const logger = createLogger({ level: site.config.log.level, destination })
  const daemon = await startDaemon(site.config, logger, '0.0.0-test', { clocks })
  t.teardown(() => daemon.stop('test'))
  return {
    daemon,
    log,
    client: options => openClient(t, site.socket, options),
    logged: text => until(`the log says "${text}"`, () => log.find(line => line.message.includes(text))),
    stop: () => daemon.stop('test'),
  }
}

/** Opens a connection that is cut when the test ends. */
export async function openClient(
  t: TearDown,
  endpoint: Endpoint,
  options?: HandshakeOptions,
): Promise<RawClient> {
  const client = await RawClient.open(endpoint, options)
  t.teardown(() => client.cut())
  return client
}

/** Opens a connection and says hello. */
export async function openAs(t: TearDown, endpoint: Endpoint, hello: object = {}): Promise<RawClient> {
  const client = await openClient(t, endpoint)
  await client.call('hello', hello)
  return client
}

export interface ProcessOptions {
  /** File descriptors that it may open. */
  readonly maxFiles?: number
  /** Flags of Node.js. */
  readonly nodeFlags?: readonly string[]
  /** A program that starts the daemon in its place, with its arguments. */
  readonly starter?: readonly string[]
  /** Variables besides those that a user has. */
  readonly environment?: Record<string, string>
  /** The file of the daemon's program, where it is not the one that ships. */
  readonly program?: string
}

/** A daemon in a process of its own, that can be killed. */
export class DaemonProcess {
  readonly child: ChildProcess
  readonly log: LogLine[] = []
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  /** Milliseconds from the start of the process to the line that says that it listens. */
  listensAfterMs = Number.NaN
  stderr = ''
  readonly #startedAt = performance.now()

  private constructor(
    site: Site,
    { maxFiles, nodeFlags = [], starter = [], environment = {}, program }: ProcessOptions,
  ) {
    const run = [
      ...starter,
      process.execPath,
      ...nodeFlags,
      program ?? programFile('sessiond'),
      'run',
      '--config',
      site.writeConfig(),
    ]
    const limited = maxFiles === undefined ? run : ['prlimit', `--nofile=${maxFiles}`, ...run]
    this.child = spawn(limited[0]!, limited.slice(1), {
      env: { ...userEnvironment(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let rest = ''
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#read(JSON.parse(line))
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.exited = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }))
  }

  /** Starts `sessiond run` and waits until it listens. */
  static async start(t: TearDown, site: Site, options: ProcessOptions = {}): Promise<DaemonProcess> {
    const daemon = DaemonProcess.launch(t, site, options)
    await daemon.logged('sessiond listens.')
    return daemon
  }

  /** Starts `sessiond run` and does not wait. */
  static launch(t: TearDown, site: Site, options: ProcessOptions = {}): DaemonProcess {
    const daemon = new DaemonProcess(site, options)
    t.teardown(() => daemon.kill())
    return daemon
  }

  get pid(): number {
    return this.child.pid!
  }

  /** Waits for a line that holds the text; fails where the daemon ends before. */
  logged(text: string): Promise<LogLine> {
    return until(
      `the log says "${text}"`,
      () => {
        const line = this.log.find(({ message }) => message.includes(text))
        if (line !== undefined) return line
        if (this.child.exitCode === null && this.child.signalCode === null) return null
        throw new Error(
          `The daemon ended (${this.child.exitCode}): ${this.stderr}${JSON.stringify(this.log)}`,
        )
      },
      30_000,
    )
  }

  /** Kills it as a crash does: it gets no chance to do anything. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  /** Tells it to stop, and gives its exit code. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return (await this.exited).code
  }

  /** A number of `/proc/PID/status` in KiB, such as `VmRSS`. */
  memoryKib(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  }

  #read(line: LogLine): void {
    this.log.push(line)
    if (line.message === 'sessiond listens.') this.listensAfterMs = performance.now() - this.#startedAt
  }
}
