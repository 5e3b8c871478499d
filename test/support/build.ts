import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Makes the programs that ship, as `npm run build` does, in a folder of its own below the project (where the
 * packages are found), and gives the path of the daemon's.
 */
export function buildProgram(name: string): string {
  const folder = join(ROOT, '.tap', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  const args = ['run', '--silent', 'bundle', '--', `--outdir=${join(folder, 'dist')}`]
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`The build failed: ${stdout}${stderr}`)
  return join(folder, 'dist/cli/sessiond.cjs')
}
