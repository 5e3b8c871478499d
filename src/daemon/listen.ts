import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { dirname } from 'node:path'
import { isLoopback } from '../config/loopback.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Config } from './config/schema.ts'
import type { Logger } from './log.ts'

/** Calls that may wait to be accepted: they survive a restart in which clients come back all at once. */
const BACKLOG = 4096

const STALE_CHECK_MS = 1000

export interface UnixAddress {
  readonly path: string
  /** Octal, such as `0660`. */
  readonly mode: string
  readonly group: string | null
}

/**
 * Listens on a Unix socket with the mode and group given. A socket that a dead daemon left is removed; one
 * on which somebody answers is the Fault `socket-in-use`.
 */
export async function listenUnix(server: Server, address: UnixAddress): Promise<void> {
  const { path, mode, group } = address
  mkdirSync(dirname(path), { recursive: true })
  await removeStale(path)
  // The socket is nobody's but ours until its group and mode are set.
  const umask = process.umask(0o177)
  try {
    await listen(server, { path, backlog: BACKLOG })
  } finally {
    process.umask(umask)
  }
  try {
    if (group !== null) chownSync(path, -1, groupId(group))
    chmodSync(path, Number.parseInt(mode, 8))
  } catch (error) {
    server.close()
    if (error instanceof Fault) throw error
    throw new Fault('socket-not-usable', `Mode or group of ${path} cannot be set: ${messageOf(error)}`, {
      hint: 'The daemon may give a socket only to a group it belongs to; under systemd that takes the drop-in operators-group.conf.',
      cause: error,
    })
  }
}

/** Whom a listener lets in, as the gateway asks it. */
interface Door {
  readonly accessToken: string | null
  readonly hostMustBeLoopback: boolean
  readonly allowedOrigins: readonly string[]
}

/** Makes a server that turns handshakes into connections. */
export type MakeServer = (settings: {
  readonly door: () => Door
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  readonly local: boolean
  readonly isOperators?: boolean
}) => Server

/**
 * Sockets that listen already, opened by systemd, as descriptors. The daemon serves them whatever the configuration
 * says of their addresses, and leaves their files, modes and groups alone: those are the socket units'.
 */
export interface GivenSockets {
  readonly unix?: number
  readonly tcp?: number
  readonly operations?: number
}

/** Listens wherever call processes are to connect. `servers` has what listens, also where this fails. */
export async function listenForClients(
  { unix, tcp, allowedOrigins }: Config['listen'],
  given: GivenSockets,
  accessToken: () => string | null,
  makeServer: MakeServer,
  servers: Server[],
): Promise<{ unix: string; tcp: AddressInfo | null; bySystemd: string[] }> {
  let address: AddressInfo | null = null
  if (tcp.enabled || given.tcp !== undefined) {
    const local = isLoopback(tcp.host)
    const door = () => ({ accessToken: accessToken(), hostMustBeLoopback: local, allowedOrigins })
    const server = makeServer({ door, tls: readTls(tcp.tls), local })
    servers.push(server)
    if (given.tcp === undefined) await listenTcp(server, tcp.host, tcp.port)
    else await listenGivenTcp(server, given.tcp, tcp)
    address = server.address() as AddressInfo
  }
  const door = () => ({ accessToken: null, hostMustBeLoopback: false, allowedOrigins })
  const server = makeServer({ door, tls: null, local: true })
  servers.push(server)
  if (given.unix === undefined) await listenUnix(server, unix)
  else await listenGivenUnix(server, given.unix)
  return { unix: unix.path, tcp: address, bySystemd: Object.keys(given) }
}

/** Listens where operators connect. Where that fails it is told, and nothing else is touched: calls come first. */
export async function listenForOperators(
  { mode, group }: Config['listen']['operators'],
  path: string,
  log: Logger,
  makeServer: MakeServer,
  servers: Server[],
): Promise<void> {
  const door = () => ({ accessToken: null, hostMustBeLoopback: false, allowedOrigins: [] })
  const server = makeServer({ door, tls: null, local: true, isOperators: true })
  try {
    await listenUnix(server, { path, mode, group })
    servers.push(server)
    log.info({ operators: path }, 'Operators are served.')
  } catch (error) {
    const hint = error instanceof Fault ? error.hint : undefined
    log.error({ path, hint }, `Operators are not served, until a restart. ${messageOf(error)}`)
  }
}

export async function listenTcp(server: Server, host: string, port: number): Promise<void> {
  await listen(server, { host, port, backlog: BACKLOG })
}

/** On the Unix socket there is no token, so nothing else may come under its name. */
async function listenGivenUnix(server: Server, fd: number): Promise<void> {
  await listen(server, { fd, backlog: BACKLOG })
  if (isUnixSocket(server)) return
  server.close()
  throw wronglyGiven('The socket that systemd calls "unix" is none.')
}

/** The configuration decides who may come from where; a socket elsewhere would go round it. */
async function listenGivenTcp(
  server: Server,
  fd: number,
  { host, tls }: Config['listen']['tcp'],
): Promise<void> {
  await listen(server, { fd, backlog: BACKLOG })
  const wrong = isUnixSocket(server)
    ? 'The socket that systemd calls "tcp" is none of TCP.'
    : wrongAddress((server.address() as AddressInfo).address, host, tls !== null)
  if (wrong === null) return
  server.close()
  throw wronglyGiven(wrong)
}

function wrongAddress(address: string, host: string, hasTls: boolean): string | null {
  const local = isLoopback(address)
  if (local !== isLoopback(host)) {
    return `systemd listens on ${address}, but listen.tcp.host is ${host}; both or none must be loopback.`
  }
  return local || hasTls ? null : `systemd listens on ${address}, which is refused without listen.tcp.tls.`
}

/** Node.js gives no address for a Unix socket that came as a descriptor. */
function isUnixSocket(server: Server): boolean {
  const address = server.address()
  return address === null || typeof address === 'string'
}

function wronglyGiven(message: string): Fault {
  return new Fault('socket-not-usable', message, {
    hint: 'Look at ListenStream= and FileDescriptorName= of the socket units: systemctl cat sessiond*.socket',
  })
}

async function listen(
  server: Server,
  where: { fd?: number; path?: string; host?: string; port?: number; backlog: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(cannotListen(where, error))
    server.once('error', failed)
    server.listen(where, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

function cannotListen(
  where: { fd?: number; path?: string; host?: string; port?: number },
  error: NodeJS.ErrnoException,
): Fault {
  const given = where.fd === undefined ? `${where.host}:${where.port}` : `descriptor ${where.fd} of systemd`
  const name = where.path ?? given
  const inUse = error.code === 'EADDRINUSE'
  return new Fault(
    inUse ? 'socket-in-use' : 'socket-not-usable',
    `Cannot listen on ${name}: ${error.message}`,
    {
      hint: inUse
        ? 'Another process listens there; is a daemon running already?'
        : 'Look at listen.* in the configuration, and at who may write there.',
      cause: error,
    },
  )
}

async function removeStale(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  // The kernel refuses a connection to a plain file just as one to a dead socket; only the latter may go.
  if (!stats.isSocket()) {
    throw new Fault('socket-not-usable', `Cannot listen on ${path}: there is something else than a socket.`, {
      hint: 'Move it away, or choose another listen.unix.path.',
    })
  }
  const answered = await new Promise<boolean>(resolve => {
    const probe = connect(path)
    const end = (answer: boolean) => {
      probe.destroy()
      resolve(answer)
    }
    probe.setTimeout(STALE_CHECK_MS, () => end(true))
    probe.once('connect', () => end(true))
    probe.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
  if (answered) {
    throw new Fault('socket-in-use', `Somebody listens on ${path} already.`, {
      hint: 'One daemon serves a socket. Look for the other one: systemctl status sessiond',
    })
  }
  rmSync(path, { force: true })
}

function groupId(name: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  if (Number.isInteger(id)) return id
  throw new Fault('group-unknown', `There is no group "${name}" on this machine.`, {
    hint: `Make it (groupadd --system ${name}), or change listen.unix.group.`,
  })
}

/** Certificate and key of the TCP listener; null where it has none. */
function readTls(files: Config['listen']['tcp']['tls']): { cert: Buffer; key: Buffer } | null {
  return files === null ? null : { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) }
}
