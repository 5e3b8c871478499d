import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** For people and compilers, not for the program. */
const LEFT_OUT =
  /\.(map|md|html|sh|markdown|ts|mts|cts|gypi?|patch|yml|flow)$|^\.|^(test|tests|__tests__|docs|scripts|integration|tools|benchmarks?|examples?|man)$/
const SHEBANG = Buffer.from('#!')
/** Of better-sqlite3: its sources, and builds for other machines. */
const SOURCES = /^(deps|src)$/

interface Manifest {
  readonly version: string
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

/** Packages that a built program asks for by name; what is not installed it does without (`ws` tries some). */
export function modulesOf(project: string, programs: readonly string[]): string[] {
  const found = new Set<string>()
  for (const program of programs) {
    const text = readFileSync(join(project, 'dist/cli', `${program}-program.cjs`), 'utf8')
    // Minified `import()` of what is left outside the bundle becomes a `require` as well.
    for (const [, name] of text.matchAll(/\b(?:require|import)\("([^"]+)"\)/g)) {
      if (!isBuiltin(name!) && !name!.startsWith('.')) found.add(name!)
    }
  }
  return [...found].filter(name => folderOf(join(project, 'node_modules'), project, name) !== null).sort()
}

/** Copies packages with all that they need, laid out as npm did, to `target/node_modules`. */
export function copyModules(project: string, names: readonly string[], target: string): void {
  const done = new Set<string>()
  const visit = (from: string, name: string) => {
    const folder = folderOf(from, project, name)
    // Optional ones of other platforms are not there.
    if (folder === null || done.has(folder)) return
    done.add(folder)
    copyPackage(join(project, folder), join(target, folder))
    const { dependencies = {}, optionalDependencies = {} } = manifestOf(join(project, folder))
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) {
      visit(join(project, folder, 'node_modules'), needed)
    }
  }
  for (const name of names) visit(join(project, 'node_modules'), name)
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Where Node.js finds the package `name`, looking from `nodeModules` upwards; relative to the project. */
function folderOf(nodeModules: string, project: string, name: string): string | null {
  for (let folder = nodeModules; folder.startsWith(project); folder = dirname(folder)) {
    const candidate =
      basename(folder) === 'node_modules' ? join(folder, name) : join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate.slice(project.length + 1)
  }
  return null
}

/** A command line of its own, which nothing here runs. */
function isProgram(source: string): boolean {
  return (
    /\.[cm]?js$/.test(source) &&
    statSync(source).isFile() &&
    readFileSync(source).subarray(0, 2).equals(SHEBANG)
  )
}

function copyPackage(from: string, to: string): void {
  const build = `linux-${process.arch}`
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || LEFT_OUT.test(entry.name)) continue
    if (basename(from) === 'better-sqlite3' && SOURCES.test(entry.name)) continue
    cpSync(join(from, entry.name), join(to, entry.name), {
      recursive: true,
      filter: source => {
        const name = basename(source)
        if (basename(dirname(source)) === 'prebuilds') return name === `${build}.node`
        return !LEFT_OUT.test(name) && !isProgram(source)
      },
    })
  }
}
