import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const script = join(import.meta.dirname, '../../systemd/debian/build.ts')

/** Makes Debian packages of what is built here, compressed quickly; gives what it said. */
export function buildPackages(folder: string, ...options: string[]): void {
  const args = [script, '--out', folder, '--compression', 'zstd', ...options]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The packages were not built: ${stderr}`)
}
