import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Value } from 'typebox/value'
import { Fault, messageOf } from '../../errors.ts'
import { checkNode, checkTree } from './check.ts'
import { type ConfigKey, configKeys, defaultConfig, isMap, nullableObject, setAt, valueAt } from './keys.ts'
import { ConfigFault, type ConfigProblem } from './problem.ts'
import { CONFIG_FILE_MAX_BYTES, readYaml } from './read-yaml.ts'
import { brokenRules } from './rules.ts'
import { type ApplicationConfig, type Config, ConfigSchema } from './schema.ts'
import { nearest } from './suggest.ts'
import { valueOfText } from './text-values.ts'

export const DEFAULT_CONFIG_FILE = '/etc/sessiond/sessiond.yaml'

/** Variables of the programs that are no keys of the configuration. */
const OTHER_VARIABLES = ['SESSIOND_CONFIG', 'SESSIOND_SOCKET']

export interface LoadOptions {
  /** `--config`; without it `SESSIOND_CONFIG`, then `/etc/sessiond/sessiond.yaml` if that exists. */
  file?: string | undefined
  /** Values of flags by the name of their key, as text. */
  flags?: Record<string, string>
  environment: Record<string, string | undefined>
  workingDirectory: string
}

/** Who set a key: `where` is `FILE:LINE:COL`, the name of a variable, or the flag. */
export interface ConfigSource {
  kind: 'flag' | 'environment' | 'file' | 'default'
  where: string
}

export interface LoadedConfig {
  config: Config
  /** By the name of the key; a key that is missing here has its default. */
  sources: ReadonlyMap<string, ConfigSource>
  /** The file that was read, or null where there is none. */
  file: string | null
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

/**
 * Reads the configuration: flags over environment over file over defaults. All problems of all sources are
 * reported in one fault.
 *
 * @throws {Fault} `config-not-found`, `config-not-readable`, `config-invalid`
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const keys = configKeys()
  const file = findFile(options)
  const layers: Layer[] = []
  if (file !== null) layers.push(fileLayer(file))
  layers.push(textLayer('environment', keys, key => options.environment[key.environmentVariable], options))
  layers.push(textLayer('flag', keys, key => options.flags?.[key.name], options))

  const problems = layers.flatMap(layer => layer.problems)
  const unsound = problems.map(problem => problem.key)
  const sources = new Map<string, ConfigSource>()
  const tree = defaultConfig() as unknown as Record<string, unknown>
  for (const layer of layers) applyLayer(tree, layer, keys, unsound, sources)
  problems.push(...missingKeys(tree, keys, unsound, sources))
  if (!problems.some(problem => problem.key === '')) {
    for (const { key, message } of brokenRules(tree as Config, unsound)) {
      problems.push({ where: sources.get(key)?.where ?? 'default', key, message })
    }
  }
  if (problems.length > 0) throw new ConfigFault(problems)
  if (!Value.Check(ConfigSchema, tree)) {
    throw new Fault('internal-error', 'The merged configuration does not fit its own schema.')
  }
  return { config: tree, sources, file, warnings: strangeVariables(keys, options.environment) }
}

function findFile({ file, environment, workingDirectory }: LoadOptions): string | null {
  const named = file ?? nonEmpty(environment['SESSIOND_CONFIG'])
  if (named !== undefined) return resolve(workingDirectory, named)
  return statSync(DEFAULT_CONFIG_FILE, { throwIfNoEntry: false }) === undefined ? null : DEFAULT_CONFIG_FILE
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}

function readConfigFile(file: string): string {
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
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      const hint = 'Name an existing file with --config FILE, or copy config/sessiond.yaml there.'
      throw new Fault('config-not-found', `There is no configuration file ${file}.`, { hint, cause: error })
    }
    const message = `The configuration ${file} cannot be read: ${messageOf(error)}`
    const hint = `Look at its kind, owner and mode: ls -ld ${file}`
    throw new Fault('config-not-readable', message, { hint, cause: error })
  }
}

function fileLayer(file: string): Layer {
  const yaml = readYaml(readConfigFile(file), file)
  const problems = yaml.problems.length > 0 ? yaml.problems : checkTree(yaml.tree, yaml)
  return { kind: 'file', tree: yaml.tree, folder: dirname(file), problems, where: yaml.whereValue }
}

function textLayer(
  kind: 'environment' | 'flag',
  keys: ConfigKey[],
  textOf: (key: ConfigKey) => string | undefined,
  options: LoadOptions,
): Layer {
  const tree: Record<string, unknown> = {}
  const problems: ConfigProblem[] = []
  const names = new Map<string, string>()
  for (const key of keys) {
    // An empty variable is one that is not set: shells and composers cannot tell the two apart.
    const text = kind === 'environment' ? nonEmpty(textOf(key)) : textOf(key)
    if (text === undefined) continue
    const name = kind === 'environment' ? key.environmentVariable : `--${key.name}`
    const value = valueOfText(key, text)
    checkNode(value, key.schema, key.segments, { whereKey: () => name, whereValue: () => name }, problems)
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

/** Fills what a value leaves open: the folder of a relative path, the settings of an application. */
function complete(key: ConfigKey, value: unknown, folder: string): unknown {
  if (key.schema.path === true && typeof value === 'string') return resolve(folder, value)
  if (key.schema.patternProperties === undefined) return value
  const entries = Object.entries((value ?? {}) as Record<string, Partial<ApplicationConfig> | null>)
  const unset: ApplicationConfig = { max: null, feature: null, maxDurationSeconds: null }
  return Object.fromEntries(entries.map(([name, entry]) => [name, { ...unset, ...entry }]))
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

function strangeVariables(keys: ConfigKey[], environment: Record<string, string | undefined>): string[] {
  const known = [...keys.map(key => key.environmentVariable), ...OTHER_VARIABLES]
  const suffixes = known.map(name => name.slice('SESSIOND_'.length))
  const warnings: string[] = []
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('SESSIOND_') || known.includes(name)) continue
    const meant = nearest(name.slice('SESSIOND_'.length), suffixes)
    const suggestion = meant === undefined ? '' : ` Did you mean SESSIOND_${meant}?`
    warnings.push(`The environment variable ${name} is no setting of sessiond and is not used.${suggestion}`)
  }
  return warnings
}
