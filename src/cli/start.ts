import { fileURLToPath } from 'node:url'
import { requireCompiled } from './compiled.ts'
import { checkNode } from './node-version.ts'
import type * as Program from './sessiond/program.ts'

/** Where this Node.js is new enough, loads the rest of the program and runs it. */
export async function start(name: 'sessiond' | 'sessionctl' | 'licensing-server'): Promise<void> {
  if (!checkNode(name)) return
  const { main } = import.meta.url.endsWith('.cjs')
    ? loadBuilt(name)
    : await import(new URL(`${name}/program.ts`, import.meta.url).href)
  process.exitCode = await (main as typeof Program.main)(process.argv.slice(2))
}

/**
 * Compiling takes a quarter of a start, so it is kept: in NODE_COMPILE_CACHE, else beside the program, for those
 * who may write there. Others compile each time. By `import` Node.js would read through all of it first, for the names
 * that it exports.
 */
function loadBuilt(name: string): typeof Program {
  // Set to nothing it would name the folder in which somebody happens to be, and what lies there would be run.
  const folder = process.env['NODE_COMPILE_CACHE'] || fileURLToPath(new URL('../.compiled', import.meta.url))
  const program = fileURLToPath(new URL(`./${name}-program.cjs`, import.meta.url))
  return requireCompiled(program, folder) as typeof Program
}
