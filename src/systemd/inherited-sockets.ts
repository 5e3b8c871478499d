/** The first descriptor that systemd hands over; see sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3

/** More than any unit of ours has. */
const MAX_DESCRIPTORS = 64

/** A socket that systemd opened, and that listens already. */
export interface InheritedSocket {
  /** `FileDescriptorName=` of its unit. */
  readonly name: string
  readonly fd: number
}

/**
 * Reads which sockets systemd handed over and takes that out of `environment`. Names tell them apart, since their
 * order is not fixed. What was meant for another process is left alone.
 */
export function takeInheritedSockets(environment: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  const { LISTEN_PID: meantFor, LISTEN_FDS: descriptors = '', LISTEN_FDNAMES: names = '' } = environment
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name]
  if (meantFor !== String(pid) || !/^\d{1,3}$/.test(descriptors)) return []
  const count = Math.min(Number(descriptors), MAX_DESCRIPTORS)
  const named = names.split(':')
  return Array.from({ length: count }, (_, index) => ({
    name: named[index] ?? '',
    fd: FIRST_DESCRIPTOR + index,
  }))
}

/** Gives each of `wanted` the socket of that name. What is left over nobody wants, or came twice. */
export function assignSockets<Name extends string>(
  inherited: readonly InheritedSocket[],
  wanted: readonly Name[],
): { readonly sockets: Readonly<Partial<Record<Name, number>>>; readonly leftOver: readonly string[] } {
  const sockets: Partial<Record<Name, number>> = {}
  const leftOver: string[] = []
  for (const { name, fd } of inherited) {
    const known = wanted.find(one => one === name)
    if (known === undefined || sockets[known] !== undefined) leftOver.push(name)
    else sockets[known] = fd
  }
  return { sockets, leftOver }
}
