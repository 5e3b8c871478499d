import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type ProgramName = 'sessiond' | 'sessionctl' | 'licensing-server'

/** Coverage is measured on the sources; all else is tried on what ships. */
const fromSources = process.env['TEST_PROGRAMS'] === 'sources'

/** What tap and npm hand to every process for their own ends, and no user has. */
const OF_THE_TESTS = /^(NODE_OPTIONS|NODE_V8_COVERAGE|NODE_COMPILE_CACHE|TEST_PROGRAMS)$/

/** The file of a program for Node.js. Throws where it was not built. */
export function programFile(name: ProgramName): string {
  const path = fromSources ? `src/cli/${name}.ts` : `dist/cli/${name}.cjs`
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  if (!existsSync(file)) throw new Error(`${path} is not there. Build it: npm run build`)
  return file
}

/** The environment of the tests as a user has it, without settings that a developer made for sessiond. */
export function userEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('SESSIOND_') && (fromSources || !OF_THE_TESTS.test(name)),
  )
  return Object.fromEntries(kept)
}
