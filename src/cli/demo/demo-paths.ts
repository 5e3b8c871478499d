import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SOCKET_PATH_MAX_BYTES } from '../../daemon/config/schema.ts'
import { Fault } from '../../errors.ts'

/** Everything that a demonstration keeps, below one folder. */
export interface DemoPaths {
  folder: string
  /** Root and issuing certificate, as a vendor has them. */
  authority: string
  state: string
  run: string
  license: string
  ledger: string
  installationKey: string
  config: string
  socket: string
  /** True where the folder is too deep for a Unix socket, which then lies in the system's temporary folder. */
  isSocketElsewhere: boolean
}

export function demoPaths(folder: string): DemoPaths {
  const run = join(folder, 'run')
  const near = join(run, 'sessiond.sock')
  // The longer of the two sockets that lie there.
  const isSocketElsewhere = Buffer.byteLength(join(run, 'operators.sock')) > SOCKET_PATH_MAX_BYTES
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  const far = join(tmpdir(), `sessiond-demo-${name}`, 'sessiond.sock')
  return {
    folder,
    authority: join(folder, 'authority'),
    state: join(folder, 'state'),
    run,
    license: join(folder, 'state', 'license.jws'),
    ledger: join(folder, 'ledger.sqlite'),
    installationKey: join(folder, 'installation.key'),
    config: join(folder, 'sessiond.yaml'),
    socket: isSocketElsewhere ? far : near,
    isSocketElsewhere,
  }
}

/**
 * Makes a folder for this user alone. One that is there already must be so too: in a folder that all may
 * write, somebody else could have made it first, to be the daemon that is asked.
 */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stats = lstatSync(folder)
  if (stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0) return
  throw new Fault('demo-folder-unsafe', `The folder ${folder} is not this user's alone.`, {
    hint: `Look at its owner and mode: ls -ld ${folder}. Or choose another: sessiond demo --dir FOLDER`,
  })
}
