import { isLoopback } from '../../config/loopback.ts'
import type { Rule } from '../../config/rules.ts'
import { type Config, SOCKET_PATH_MAX_BYTES } from './schema.ts'

export { isLoopback }

export const RULES: readonly Rule<Config>[] = [
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
    reads: ['listen.operators.path', 'listen.unix.path'],
    key: 'listen.operators.path',
    broken({ listen: { operators, unix } }) {
      if (operators.path === null) return undefined
      if (operators.path === unix.path) {
        return "must differ from 'listen.unix.path': who may start calls would be an operator"
      }
      const bytes = Buffer.byteLength(operators.path)
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
    reads: ['licensingServer.url'],
    key: 'licensingServer.url',
    broken({ licensingServer: { url } }) {
      if (url === null) return undefined
      if (!URL.canParse(url)) return 'is no address of a server'
      const { protocol, hostname } = new URL(url)
      if (protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''))) return undefined
      return `must begin with 'https:': over plain HTTP the installation key could be read on its way to '${hostname}'`
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
  {
    reads: [
      'listen.tcp.enabled',
      'listen.tcp.host',
      'listen.tcp.port',
      'operations.enabled',
      'operations.host',
      'operations.port',
    ],
    key: 'operations.port',
    broken({ listen: { tcp }, operations }) {
      if (!tcp.enabled || !operations.enabled || operations.port === 0) return undefined
      if (operations.port !== tcp.port || operations.host !== tcp.host) return undefined
      return `must differ from 'listen.tcp.port' (${tcp.port}): metrics and probes have a listener of their own`
    },
  },
  {
    reads: ['usage.warningPercent', 'usage.criticalPercent'],
    key: 'usage.criticalPercent',
    broken({ usage }) {
      if (usage.criticalPercent > usage.warningPercent) return undefined
      return `must be above 'usage.warningPercent' (${usage.warningPercent})`
    },
  },
  {
    reads: ['usage.warningPercent', 'usage.clearMarginPercent'],
    key: 'usage.clearMarginPercent',
    broken({ usage }) {
      if (usage.clearMarginPercent < usage.warningPercent) return undefined
      return `must be below 'usage.warningPercent' (${usage.warningPercent}), or a warning would never end`
    },
  },
]
