import { isIPv4, isIPv6 } from 'node:net'

/**
 * What requests are counted by. An IPv6 customer has at least a /64 to choose addresses from, so all of those
 * are one; an IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is that IPv4 address. Anything else, such as
 * what a proxy wrote that is no address, shares one count.
 */
export function addressGroup(address: string): string {
  if (isIPv4(address)) return address
  const bare = address.split('%')[0] ?? ''
  if (!isIPv6(bare)) return 'unknown'
  const [head = '', tail] = canonical(bare).split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right]
  const isMapped = groups.slice(0, 5).every(group => group === '0') && groups[5] === 'ffff'
  if (isMapped) return dotted(groups[6] ?? '0', groups[7] ?? '0')
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** RFC 5952: lower case, no leading zeros, no dots. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}

function dotted(high: string, low: string): string {
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map(shift => Math.floor(bits / 2 ** shift) % 256).join('.')
}
