import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, normalize, relative } from 'node:path'

export const ROOT = new URL('../../', import.meta.url).pathname

export interface Import {
  readonly specifier: string
  /** The file of ours that is imported, below `src/`; null for a package or a module of Node. */
  readonly target: string | null
  /** Erased when the program runs. */
  readonly typeOnly: boolean
}

export interface SourceFile {
  /** Below `src/`. */
  readonly path: string
  readonly text: string
  /** The text without comments. */
  readonly code: string
  readonly imports: readonly Import[]
}

const STRING_OR_COMMENT =
  /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
const STATIC = /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** Files below a folder of the project, were there one, by their path from its top; what is built is left out. */
export function filesBelow(folder: string, ends: string): string[] {
  if (!existsSync(join(ROOT, folder))) return []
  const left = new Set(['node_modules', 'dist', 'coverage', '.git', '.tap', '.demo'])
  const found: string[] = []
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !left.has(entry.name)) found.push(...filesBelow(path, ends))
    else if (entry.isFile() && entry.name.endsWith(ends)) found.push(path)
  }
  return found.sort()
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function withoutComments(text: string): string {
  return text.replace(STRING_OR_COMMENT, (_, string?: string) => string ?? '')
}

export function importsOf(path: string, code: string): Import[] {
  const imports = [...code.matchAll(STATIC)].map(([, type, specifier]) => ({
    specifier: specifier!,
    typeOnly: type !== undefined,
  }))
  const dynamic = [...code.matchAll(DYNAMIC)].map(([, specifier]) => ({
    specifier: specifier!,
    typeOnly: false,
  }))
  return [...imports, ...dynamic].map(one => ({
    ...one,
    target: one.specifier.startsWith('.') ? normalize(join(path, '..', one.specifier)) : null,
  }))
}

/** Every source file of the programs. */
export function sourceFiles(): SourceFile[] {
  return filesBelow('src', '.ts').map(file => {
    const path = relative('src', file)
    const text = readText(file)
    const code = withoutComments(text)
    return { path, text, code, imports: importsOf(path, code) }
  })
}

/** `session/counter.ts` is of `session`, `errors.ts` of `errors`. */
export function partOf(path: string): string {
  return path.split('/')[0]!.replace(/\.ts$/, '')
}
