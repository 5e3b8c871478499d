import { type Import, partOf, type SourceFile } from './source.ts'

// The import rule, as functions over source files, so that a test can also show that they catch what they must.

/** For each part of `src/`, the parts that it may import. */
export const MAY_IMPORT: Record<string, readonly string[]> = {
  errors: [],
  lazily: [],
  html: [],
  http: [],
  log: ['systemd'],
  'rare-log': [],
  exposition: [],
  'http-listener': ['http'],
  systemd: [],
  'user-names': [],
  'who-may': ['errors', 'user-names'],
  'write-file': ['errors'],
  config: ['errors', 'who-may'],
  checker: ['lazily'],
  license: ['checker', 'errors', 'lazily'],
  session: ['errors'],
  report: ['errors', 'html', 'lazily', 'license'],
  protocol: ['checker', 'errors'],
  'licensing-api': ['license', 'errors'],
  client: ['protocol', 'errors'],
  daemon: [
    'config',
    'license',
    'licensing-api',
    'session',
    'report',
    'protocol',
    'errors',
    'http',
    'log',
    'rare-log',
    'who-may',
    'write-file',
    'exposition',
    'http-listener',
  ],
  'licensing-server': [
    'config',
    'license',
    'licensing-api',
    'report',
    'errors',
    'html',
    'http',
    'log',
    'rare-log',
    'exposition',
    'http-listener',
  ],
  cli: [
    'config',
    'license',
    'report',
    'protocol',
    'client',
    'daemon',
    'licensing-server',
    'systemd',
    'errors',
    'log',
    'user-names',
    'who-may',
    'write-file',
  ],
}

/** Parts whose types alone may be imported besides. */
export const MAY_IMPORT_TYPES: Record<string, readonly string[]> = {
  protocol: ['session', 'license'],
}

/** Where decisions are made: no I/O, no clock, no chance. */
export const PURE = [
  'license/',
  'session/',
  'protocol/',
  'report/',
  'licensing-api/',
  'licensing-server/ledger/',
]
export const PURE_MODULES = /^(node:crypto|typebox|typebox\/\w+|jose)$/

/** What reads a clock, the environment or chance, waits, or speaks. */
const IMPURE: Record<string, RegExp> = {
  'reads the clock': /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bhrtime\b/,
  'is not the same twice': /\bMath\.random\b|\brandom(?:Bytes|Int|UUID|FillSync)\b|\bgetRandomValues\b/,
  waits: /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
  'reaches for the process': /\bprocess\.(?:env|argv|pid|on|exit|cwd|stdout|stderr|nextTick|memoryUsage)\b/,
  speaks: /\bconsole\.|\bfetch\(/,
}

/** What adapters of the daemon may share: only types, so that none relies on how another works. */
const SHARED_TYPES: Record<string, string> = {
  'daemon/config/schema.ts': 'the configuration that each takes its part of',
  'daemon/log.ts': 'the logger that each is given',
}

/** Adapters that import another one, each with its reason. The wiring file alone may import all. */
const ADAPTER_EXCEPTIONS: Record<string, string> = {
  'databases > audit': 'the type of who changes the state',
  'databases > journal': 'wiring of the two databases: opens them and logs what becomes of them',
  'databases > state-store': 'wiring of the two databases',
  'history > set-aside': 'as the journal',
  'journal > lock-file': 'how one process at a time has a file',
  'journal > set-aside': 'both databases move a file that cannot be used out of the way, and keep as many',
  'state-store > set-aside': 'as the journal',
  'license > machine': 'a license is judged against the facts and the key of this machine',
  'observation > databases': 'where the usage history is',
  'observation > history': 'wiring of what operators see',
  'observation > operations': 'wiring of what operators see',
  'observation > usage': 'wiring of what operators see',
  'parts > audit': 'wiring of what must be open before the daemon is made',
  'parts > clocks': 'as that',
  'parts > databases': 'as that',
  'parts > journal': 'as that',
  'parts > license': 'as that',
  'parts > listen': 'as that',
  'parts > machine': 'as that',
  'parts > reactivation': 'as that',
  'parts > restore-sessions': 'as that',
  'parts > state-store': 'as that',
  'state-database > audit': 'its tables are one step of the schema',
  'reactivation > lock-file': 'as the journal',
  'state-database > memory-copy': 'how SQLite keeps what it has, on a disk that cannot be written',
  'state-store > state-database': 'the file below the store: how it is opened, checked and read into memory',
  'state-store > audit': 'its rows are written in the transaction of what they record',
  'views > license': 'the type of what is told about the license',
}

const WIRING = 'daemon/daemon.ts'

/** Imports of parts that the rule does not allow. */
export function forbiddenImports({ path, imports }: SourceFile): string[] {
  const part = partOf(path)
  const allowed = MAY_IMPORT[part]
  if (allowed === undefined) return [`${path}: "${part}" has no place in the import rule`]
  const wrong = imports.filter(({ target, typeOnly }) => {
    if (target === null || partOf(target) === part || allowed.includes(partOf(target))) return false
    return !(typeOnly && MAY_IMPORT_TYPES[part]?.includes(partOf(target)))
  })
  return wrong.map(({ target }) => `${path} imports ${target}`)
}

/** What a pure file does and must not. */
export function impurities({ path, code, imports }: SourceFile): string[] {
  if (!PURE.some(folder => path.startsWith(folder))) return []
  const modules = imports.filter(({ target, specifier }) => target === null && !PURE_MODULES.test(specifier))
  return [
    ...modules.map(({ specifier }) => `${path} imports ${specifier}`),
    ...Object.entries(IMPURE).flatMap(([what, pattern]) => {
      const found = pattern.exec(code)
      return found === null ? [] : [`${path} ${what}: ${found[0]}`]
    }),
  ]
}

/** Imports from one adapter of the daemon into another, with `adapter > adapter` for the exceptions. */
function crossings({ path, imports }: SourceFile): { readonly between: string; readonly import: Import }[] {
  if (partOf(path) !== 'daemon' || path === WIRING) return []
  const adapter = adapterOf(path)
  return imports
    .filter(({ target }) => target !== null && partOf(target) === 'daemon' && adapterOf(target) !== adapter)
    .filter(({ target, typeOnly }) => !(typeOnly && SHARED_TYPES[target!] !== undefined))
    .map(one => ({ between: `${adapter} > ${adapterOf(one.target!)}`, import: one }))
}

export function crossingAdapters(file: SourceFile): string[] {
  const wrong = crossings(file).filter(({ between }) => ADAPTER_EXCEPTIONS[between] === undefined)
  return wrong.map(({ import: { target } }) => `${file.path} imports ${target}`)
}

/** `daemon/gateway/turn.ts` is of the adapter `gateway`, `daemon/log.ts` of `log`. */
function adapterOf(path: string): string {
  return path.split('/')[1]!.replace(/\.ts$/, '')
}

/** Exceptions that nothing needs any more. */
export function needlessExceptions(files: readonly SourceFile[]): string[] {
  const used = new Set(files.flatMap(crossings).map(({ between }) => between))
  return Object.keys(ADAPTER_EXCEPTIONS).filter(exception => !used.has(exception))
}

/** A ring of imports among files that is there when the program runs; null where there is none. */
export function cycleOf(files: readonly SourceFile[]): string[] | null {
  const targets = new Map(
    files.map(({ path, imports }) => [path, imports.filter(runs).map(({ target }) => target!)]),
  )
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (done.has(path)) return null
    for (const target of targets.get(path) ?? []) {
      const ring = visit(target, [...trail, path])
      if (ring !== null) return ring
    }
    done.add(path)
    return null
  }
  for (const path of targets.keys()) {
    const ring = visit(path, [])
    if (ring !== null) return ring
  }
  return null
}

function runs({ target, typeOnly }: Import): boolean {
  return target !== null && !typeOnly
}
