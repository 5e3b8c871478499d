import type { Config } from '../../daemon/config/schema.ts'
import type { License } from '../../license/document.ts'
import type { Terminal } from '../terminal.ts'
import { findSocket } from './find-daemon.ts'
import { followDaemon } from './install-license.ts'
import { followedLine } from './outcome-view.ts'

/** Waits until the daemon has taken a license that was written for it, and tells what became of it. */
export async function tellFollowed(
  args: Parameters<typeof findSocket>[0],
  config: Config,
  file: string,
  { licenseId }: License,
  terminal: Terminal,
): Promise<void> {
  const socket = args.socket === undefined ? config.listen.unix.path : findSocket(args, terminal)
  terminal.say(followedLine(await followDaemon(socket, file, licenseId)))
}
