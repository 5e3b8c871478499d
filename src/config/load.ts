import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { Fault, messageOf } from '../errors.ts'
import { isThere, notPermitted } from '../who-may.ts'
import { checkTree, checkValue } from './check.ts'
import {
  type ConfigKey,
  configKeysOf,
  defaultsOf,
  isMap,
  nullableObject,
  type SchemaNode,
  setAt,
  valueAt,
} from './keys.ts'
import { ConfigFault, type ConfigProblem } from './problem.ts'
import { CONFIG_FILE_MAX_BYTES, readYaml } from './read-yaml.ts'
import { brokenRules, type Rule } from './rules.ts'
import { nearest } from './suggest.ts'
import { valueOfText } from './text-values.ts'

/** The configuration of one program. */
export interface ConfigSpec<Schema extends TSchema> {
  /** Such as `sessiond`. */
  program: string
  /** The one source of types, defaults, checks, flags, variables and documentation: see SchemaNode. */
  schema: Schema
  rules: readonly Rule<Static<Schema>>[]
  /** Of the variables, such as `SESSIOND`. The one named PREFIX_CONFIG names the file. */
  environmentPrefix: string
  /** Variables with that prefix that are no keys of the configuration. */
  otherVariables: readonly string[]
  /** Read where nothing names another one and it exists. */
  defaultFile: string
  /** A file that names every key. */
  sampleFile: string
}

export interface LoadOptions {
  /** `--config`; without it the variable PREFIX_CONFIG, then the default file if that exists. */
  file?: string | undefined
  /** Values of flags by the name of their key, as text. */
  flags?: Record<string, string>
  environment: Record<string, string | undefined>
  workingDirectory: string
  /** What was loaded before with the same options. It is given again where the file says the same. */
  before?: LoadedConfig<unknown> | undefined
}

/** Who set a key: `where` is `FILE:LINE:COL`, the name of a variable, or the flag. */
export interface ConfigSource {
  kind: 'flag' | 'environment' | 'file' | 'default'
  where: string
}

export interface LoadedConfig<Config> {
  config: Config
  /** By the name of the key; a key that is missing here has its default. */
  sources: ReadonlyMap<string, ConfigSource>
  /** The file that was read, or null where there is none. */
  file: string | null
  /** What it said. */
  text: string | null
  /** What is odd but stops nothing, such as an environment variable that is no key. */
  warnings: string[]
}

/** What one source says; `tree` may lack any key. */
interface Layer {
  kind: ConfigSource['kind']
  tree: unknown
  /** Where relative paths start. */
  folder: string
  problems: ConfigProblem[]
  where(segments: readonly string[]): string
}

/** `sessions.resumeWindowMs` is `SESSIOND_SESSIONS_RESUME_WINDOW_MS`. */
export function environmentVariableOf(prefix: string, segments: readonly string[]): string {
  const words = segments.map(segment => segment.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase())
  return `${prefix}_${words.join('_')}`
}

/**
 * Reads the configuration: flags over environment over file over defaults. All problems of all sources are
 * reported in one fault.
 *
 * @throws {Fault} `config-not-found`, `config-not-readable`, `config-invalid`, `not-permitted`
 */
export function loadConfigOf<Schema extends TSchema>(
  spec: ConfigSpec<Schema>,
  options: LoadOptions,
): LoadedConfig<Static<Schema>> {
  const file = findFile(spec, options)
  const text = file === null ? null : readConfigFile(file, spec.sampleFile)
  const { before } = options
  if (before !== undefined && before.file === file && before.text === text)
    return before as LoadedConfig<Static<Schema>>
  const root = spec.schema as SchemaNode
  const keys = configKeysOf(root)
  const layers: Layer[] = []
  if (file !== null && text !== null) layers.push(fileLayer(file, text, spec))
  layers.push(environmentLayer(spec, keys, options), flagLayer(root, keys, options))

  const problems = layers.flatMap(layer => layer.problems)
  const unsound = problems.map(problem => problem.key)
  const sources = new Map<string, ConfigSource>()
  const tree = defaultsOf(root)
  for (const layer of layers) applyLayer(tree, layer, keys, unsound, sources)
  problems.push(...missingKeys(tree, keys, unsound, sources))
  if (!problems.some(problem => problem.key === '')) {
    for (const { key, message } of brokenRules(spec.rules, tree as Static<Schema>, unsound)) {
      problems.push({ where: sources.get(key)?.where ?? 'default', key, message })
    }
  }
  if (problems.length > 0) throw new ConfigFault(problems, `${spec.program} check-config`)
  if (!Check(spec.schema, tree)) {
    throw new Fault('internal-error', 'The merged configuration does not fit its own schema.')
  }
  return {
    config: tree as Static<Schema>,
    sources,
    file,
    text,
    warnings: strangeVariables(spec, keys, options.environment),
  }
}

function findFile(spec: ConfigSpec<TSchema>, options: LoadOptions): string | null {
  const { file, environment, workingDirectory } = options
  const named = file ?? nonEmpty(environment[`${spec.environmentPrefix}_CONFIG`])
  if (named !== undefined) return resolve(workingDirectory, named)
  return isThere(spec.defaultFile) ? spec.defaultFile : null
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}

function readConfigFile(file: string, sampleFile: string): string {
  try {
    const { size } = statSync(file)
    if (size > CONFIG_FILE_MAX_BYTES) {
      throw new Fault('config-not-readable', `The configuration ${file} is ${size} bytes long.`, {
        hint: `At most ${CONFIG_FILE_MAX_BYTES} bytes are read. Is it the right file?`,
      })
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    if (error instanceof Fault) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') throw notPermitted(file, 'read', error)
    if (code === 'ENOENT') {
      const hint = `Name an existing file with --config FILE, or copy ${sampleFile} there.`
      throw new Fault('config-not-found', `There is no configuration file ${file}.`, { hint, cause: error })
    }
    const message = `The configuration ${file} cannot be read: ${messageOf(error)}`
    const hint = `Look at its kind, owner and mode: ls -ld ${file}`
    throw new Fault('config-not-readable', message, { hint, cause: error })
  }
}

function fileLayer(file: string, text: string, { schema }: ConfigSpec<TSchema>): Layer {
  const yaml = readYaml(text, file)
  const problems = yaml.problems.length > 0 ? yaml.problems : checkTree(yaml.tree, schema as SchemaNode, yaml)
  return { kind: 'file', tree: yaml.tree, folder: dirname(file), problems, where: yaml.whereValue }
}

function environmentLayer(spec: ConfigSpec<TSchema>, keys: ConfigKey[], options: LoadOptions): Layer {
  const nameOf = (key: ConfigKey) => environmentVariableOf(spec.environmentPrefix, key.segments)
  // An empty variable is one that is not set: shells and composers cannot tell the two apart.
  const textOf = (key: ConfigKey) => nonEmpty(options.environment[nameOf(key)])
  return textLayer('environment', spec.schema as SchemaNode, keys, { nameOf, textOf }, options)
}

function flagLayer(root: SchemaNode, keys: ConfigKey[], options: LoadOptions): Layer {
  const nameOf = (key: ConfigKey) => `--${key.name}`
  return textLayer('flag', root, keys, { nameOf, textOf: key => options.flags?.[key.name] }, options)
}

function textLayer(
  kind: 'environment' | 'flag',
  root: SchemaNode,
  keys: ConfigKey[],
  source: { nameOf(key: ConfigKey): string; textOf(key: ConfigKey): string | undefined },
  options: LoadOptions,
): Layer {
  const tree: Record<string, unknown> = {}
  const problems: ConfigProblem[] = []
  const names = new Map<string, string>()
  for (const key of keys) {
    const text = source.textOf(key)
    if (text === undefined) continue
    const name = source.nameOf(key)
    const value = valueOfText(key, text)
    problems.push(...checkValue(value, key, root, { whereKey: () => name, whereValue: () => name }))
    names.set(key.name, name)
    setAt(tree, key.segments, value)
  }
  const where = (segments: readonly string[]) => names.get(segments.join('.')) ?? kind
  return { kind, tree, folder: options.workingDirectory, problems, where }
}

/** Lays the sound keys of a layer over the tree. */
function applyLayer(
  tree: Record<string, unknown>,
  layer: Layer,
  keys: ConfigKey[],
  unsound: readonly string[],
  sources: Map<string, ConfigSource>,
): void {
  for (const key of keys) {
    const value = valueAt(layer.tree, key.segments)
    if (value === undefined || unsound.some(bad => bad === key.name || bad.startsWith(`${key.name}.`)))
      continue
    sources.set(key.name, { kind: layer.kind, where: layer.where(key.segments) })
    const isSection = isMap(value) && nullableObject(key.schema) !== undefined
    if (!isSection) setAt(tree, key.segments, complete(key, value, layer.folder))
    // The keys of a section follow it in the list and are laid one by one over what is there already.
    else if (!isMap(valueAt(tree, key.segments))) setAt(tree, key.segments, {})
  }
}

/** Fills what a value leaves open: the folder of a relative path, the settings of an entry of a map. */
function complete(key: ConfigKey, value: unknown, folder: string): unknown {
  if (key.schema.path === true && typeof value === 'string') return resolve(folder, value)
  const entrySchema = Object.values(key.schema.patternProperties ?? {})[0]
  if (entrySchema === undefined) return value
  const entries = Object.entries((value ?? {}) as Record<string, Record<string, unknown> | null>)
  return Object.fromEntries(entries.map(([name, entry]) => [name, { ...defaultsOf(entrySchema), ...entry }]))
}

/** Keys without a default inside a section that is there: `tls` needs both of its files. */
function missingKeys(
  tree: Record<string, unknown>,
  keys: ConfigKey[],
  unsound: readonly string[],
  sources: ReadonlyMap<string, ConfigSource>,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const key of keys) {
    const section = key.segments.slice(0, -1)
    if (key.hasDefault || !isMap(valueAt(tree, section)) || valueAt(tree, key.segments) !== undefined)
      continue
    if (unsound.some(bad => bad === key.name)) continue
    const sibling = keys.find(
      other => other.name !== key.name && other.name.startsWith(`${section.join('.')}.`),
    )
    const source = sources.get(section.join('.')) ?? sources.get(sibling?.name ?? '')
    problems.push({ where: source?.where ?? 'default', key: key.name, message: 'is missing' })
  }
  return problems
}

function strangeVariables(
  spec: ConfigSpec<TSchema>,
  keys: ConfigKey[],
  environment: Record<string, string | undefined>,
): string[] {
  const prefix = `${spec.environmentPrefix}_`
  const known = [
    ...keys.map(key => environmentVariableOf(spec.environmentPrefix, key.segments)),
    `${prefix}CONFIG`,
    ...spec.otherVariables,
  ]
  const suffixes = known.map(name => name.slice(prefix.length))
  const warnings: string[] = []
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(prefix) || known.includes(name)) continue
    const meant = nearest(name.slice(prefix.length), suffixes)
    const suggestion = meant === undefined ? '' : ` Did you mean ${prefix}${meant}?`
    warnings.push(
      `The environment variable ${name} is no setting of ${spec.program} and is not used.${suggestion}`,
    )
  }
  return warnings
}
