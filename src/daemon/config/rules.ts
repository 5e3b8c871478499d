import { BlockList, isIP } from 'node:net'
import { type Config, SOCKET_PATH_MAX_BYTES } from './schema.ts'

/** What one key asks of another. A rule is judged only where all keys that it reads are sound by themselves. */
interface Rule {
  reads: string[]
  /** The key to mend. */
  key: string
  /** Completes the sentence that starts with the key; undefined where the rule holds. */
  broken(config: Config): string | undefined
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether only this machine can reach the address. A name other than `localhost` may be anything. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === 'localhost'
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

const RULES: Rule[] = [
  {
    reads: ['listen.unix.path'],
    key: 'listen.unix.path',
    broken({ listen }) {
      const bytes = Buffer.byteLength(listen.unix.path)
      if (bytes <= SOCKET_PATH_MAX_BYTES) return undefined
      return `is ${bytes} bytes long, but the kernel takes ${SOCKET_PATH_MAX_BYTES} for a Unix socket; choose a shorter folder`
    },
  },
  {
    reads: ['listen.tcp.enabled', 'listen.tcp.host', 'listen.tcp.tls'],
    key: 'listen.tcp.host',
    broken({ listen: { tcp } }) {
      if (!tcp.enabled || isLoopback(tcp.host) || tcp.tls !== null) return undefined
      return `'${tcp.host}' can be reached from other machines, which is refused without TLS; set 'listen.tcp.tls', or listen on '127.0.0.1'`
    },
  },
  {
    reads: ['applications', 'bounds.maxApplications'],
    key: 'applications',
    broken({ applications, bounds }) {
      const count = Object.keys(applications).length
      if (count <= bounds.maxApplications) return undefined
      return `names ${count} applications, but 'bounds.maxApplications' is ${bounds.maxApplications}`
    },
  },
  {
    reads: ['bounds.maxFrameBytes', 'bounds.maxBufferedBytes'],
    key: 'bounds.maxBufferedBytes',
    broken({ bounds }) {
      if (bounds.maxBufferedBytes >= bounds.maxFrameBytes) return undefined
      return `must not be smaller than 'bounds.maxFrameBytes' (${bounds.maxFrameBytes}): a long batch would be taken for a slow reader`
    },
  },
]

export interface BrokenRule {
  key: string
  message: string
}

/** @param unsound keys that are already known to be wrong, such as `listen.tcp.tls.certFile` */
export function brokenRules(config: Config, unsound: readonly string[]): BrokenRule[] {
  const isUnsound = (key: string) =>
    unsound.some(bad => bad === key || bad.startsWith(`${key}.`) || key.startsWith(`${bad}.`))
  const broken: BrokenRule[] = []
  for (const rule of RULES) {
    if (rule.reads.some(isUnsound)) continue
    const message = rule.broken(config)
    if (message !== undefined) broken.push({ key: rule.key, message })
  }
  return broken
}
