import type { Config } from '../../daemon/config/schema.ts'
import { Fault } from '../../errors.ts'
import type { License } from '../../license/document.ts'
import type { Terminal } from '../terminal.ts'
import { findSocket } from './find-daemon.ts'
import { followDaemon } from './install-license.ts'
import { followedLine } from './outcome-view.ts'

/**
 * Waits until the daemon has taken a license that was written for it, and tells what became of it. A daemon that cannot be
 * asked is a warning: the license is in its place, and the outcome has been told.
 */
export async function tellFollowed(
  args: Parameters<typeof findSocket>[0],
  config: Config,
  file: string,
  { licenseId }: License,
  terminal: Terminal,
): Promise<void> {
  const socket = args.socket === undefined ? config.listen.unix.path : findSocket(args, terminal)
  try {
    terminal.say(followedLine(await followDaemon(socket, file, licenseId)))
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    terminal.say(`warning: it could not be asked whether sessiond has taken it: ${error.message}`)
    if (error.hint !== undefined) terminal.say(`hint: ${error.hint}`)
  }
}
