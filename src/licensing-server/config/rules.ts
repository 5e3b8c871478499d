import { BlockList, isIP } from 'node:net'
import { isLoopback } from '../../config/loopback.ts'
import type { Rule } from '../../config/rules.ts'
import type { Config } from './schema.ts'

/** Whether `text` is an address or a network in CIDR notation. */
export function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix] = text.split('/')
  const family = isIP(address)
  if (family === 0) return false
  if (prefix === undefined) return true
  return Number(prefix) <= (family === 4 ? 32 : 128)
}

/** The addresses in a list that `isAddressOrNetwork` has checked. */
export function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

export const RULES: readonly Rule<Config>[] = [
  {
    reads: ['listen.host', 'listen.tls', 'listen.trustedProxies'],
    key: 'listen.host',
    broken({ listen: { host, tls, trustedProxies } }) {
      if (isLoopback(host) || tls !== null || trustedProxies.length > 0) return undefined
      return `'${host}' can be reached from other machines, which is refused without TLS; set 'listen.tls', or name the proxies that do TLS in 'listen.trustedProxies'`
    },
  },
  {
    reads: ['listen.trustedProxies'],
    key: 'listen.trustedProxies',
    broken({ listen }) {
      const wrong = listen.trustedProxies.find(network => !isAddressOrNetwork(network))
      return wrong === undefined ? undefined : `has '${wrong}', which is no address and no network`
    },
  },
  {
    reads: ['listen.host', 'listen.port', 'operations.enabled', 'operations.host', 'operations.port'],
    key: 'operations.port',
    broken({ listen, operations }) {
      if (!operations.enabled || operations.port === 0 || operations.port !== listen.port) return undefined
      if (operations.host !== listen.host) return undefined
      return `must differ from 'listen.port' (${listen.port}): the metrics have a listener of their own`
    },
  },
  {
    reads: ['ledger.location'],
    key: 'ledger.location',
    broken({ ledger: { location } }) {
      // As libpq writes them, which is more than a URL parser takes: the host may be missing.
      if (location.startsWith('/') || !/^[^:]+:\/\/[^/@]*:[^/]*@|[?&]password=/i.test(location))
        return undefined
      return 'holds a password; name the file that holds it (.pgpass) in the environment variable PGPASSFILE'
    },
  },
]
