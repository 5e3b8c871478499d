/** How systemd asked this process to tell how it is; see sd_notify(3) and sd_watchdog_enabled(3). */
export interface NotifyRequest {
  /** Address of the socket: a path, or an abstract one that begins with `@`. */
  readonly socket: string
  /** Without a sign of life for so long, systemd ends the process; null where it does not watch. */
  readonly watchdogMs: number | null
}

/**
 * Reads what systemd asked for and takes it out of `environment`, so that no program that is started from here
 * speaks in its name. Null where systemd did not ask.
 */
export function takeNotifyRequest(environment: NodeJS.ProcessEnv, pid: number): NotifyRequest | null {
  const {
    NOTIFY_SOCKET: socket = '',
    WATCHDOG_USEC: watchdogUs = '',
    WATCHDOG_PID: watched = String(pid),
  } = environment
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
  if (!/^[/@]./.test(socket)) return null
  const isWatched = watched === String(pid) && /^[1-9]\d{0,14}$/.test(watchdogUs)
  return { socket, watchdogMs: isWatched ? Number(watchdogUs) / 1000 : null }
}
