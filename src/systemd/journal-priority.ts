import { fstatSync } from 'node:fs'

/** What journald takes as the priority of a line (sd-daemon(3)), by the levels of the log. */
const PRIORITIES: Readonly<Record<string, number>> = {
  fatal: 2,
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
}

/**
 * Puts the priority before a line of that level, where the stream goes to the journal of systemd: it is taken off
 * there, and `journalctl -p err` finds the line. Elsewhere lines stay as they are.
 */
export function journalPriority(
  fd: 1 | 2,
  environment: Readonly<Record<string, string | undefined>>,
): (level: string, line: string) => string {
  if (!goesToJournal(fd, environment['JOURNAL_STREAM'])) return (_level, line) => line
  return (level, line) => `<${PRIORITIES[level] ?? PRIORITIES['info']}>${line}`
}

/** systemd names the device and inode of the stream that it made; a stream that was redirected since is another. */
function goesToJournal(fd: number, stream: string | undefined): boolean {
  if (stream === undefined) return false
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return stream === `${dev}:${ino}`
}
