import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Builds what ships, as `npm run build` does, into a folder of its own below the project (where the packages
 * are found), and gives the path of the daemon's program in it.
 */
export function buildProgram(name: string): string {
  const folder = join(ROOT, '.tap', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  const args = ['tsc', '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  const { status, stdout, stderr } = spawnSync('npx', args, { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`The build failed: ${stdout}${stderr}`)
  return join(folder, 'dist/cli/sessiond.js')
}
