import { createRequire, enableCompileCache, flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { checkNode } from './node-version.ts'
import type * as Program from './sessiond/program.ts'

/** By then a daemon listens, and has compiled what it needs to start. */
const KEEP_AFTER_MS = 2000

/** Where this Node.js is new enough, loads the rest of the program and runs it. */
export async function start(name: 'sessiond' | 'sessionctl' | 'licensing-server'): Promise<void> {
  if (!checkNode(name)) return
  const { main } = import.meta.url.endsWith('.cjs')
    ? loadBuilt(name)
    : await import(new URL(`${name}/program.ts`, import.meta.url).href)
  process.exitCode = await (main as typeof Program.main)(process.argv.slice(2))
}

/** Not in the same file: Node.js keeps what it compiled of those files only that are loaded from now on. */
function loadBuilt(name: string): typeof Program {
  keepCompiled()
  // By `import` Node.js would read through all of it first, for the names that it exports.
  return createRequire(import.meta.url)(`./${name}-program.cjs`)
}

/**
 * Compiling takes a quarter of a start, so it is kept: in NODE_COMPILE_CACHE, else beside the program, for those
 * who may write there. Others compile each time.
 */
function keepCompiled(): void {
  if (process.env['NODE_COMPILE_CACHE'] === undefined)
    enableCompileCache(fileURLToPath(new URL('../.compiled', import.meta.url)))
  setTimeout(flushCompileCache, KEEP_AFTER_MS).unref()
}
