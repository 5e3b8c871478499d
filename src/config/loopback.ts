import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether only this machine can reach the address. A name other than `localhost` may be anything. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === 'localhost'
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Whether a `Host` header names this machine. A web page whose name was rebound to it sends its own name; what is
 * no name at all is not taken either.
 */
export function hostNamesLoopback(header: string | undefined): boolean {
  const name = (header ?? '').replace(/:\d+$/, '')
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1'))
}
