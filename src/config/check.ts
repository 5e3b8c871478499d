import { Check as fits } from 'typebox/schema'
import { type ConfigKey, configKeysOf, isMap, nullableObject, type SchemaNode } from './keys.ts'
import { type ConfigProblem, quoteValue } from './problem.ts'
import { nearest } from './suggest.ts'

/** Says where a key or its value was written. */
export interface Places {
  whereKey(segments: readonly string[]): string
  whereValue(segments: readonly string[]): string
}

/** What one check reads and fills. */
interface Check {
  /** Schema of the whole configuration, in which a misplaced key is looked for. */
  root: SchemaNode
  places: Places
  problems: ConfigProblem[]
}

/**
 * Compares what one source says (a file, a variable, a flag) with the schema. Nothing needs to be complete:
 * other sources and the defaults fill the rest. An empty section is the same as one that is left out.
 */
export function checkTree(tree: unknown, root: SchemaNode, places: Places): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (tree === null || tree === undefined) return problems
  checkNode(tree, root, [], { root, places, problems })
  return problems
}

/** Compares the value of one key with its schema. */
export function checkValue(
  value: unknown,
  key: ConfigKey,
  root: SchemaNode,
  places: Places,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  checkNode(value, key.schema, key.segments, { root, places, problems })
  return problems
}

function checkNode(value: unknown, schema: SchemaNode, segments: string[], check: Check): void {
  const [names, entries] = Object.entries(schema.patternProperties ?? {})[0] ?? []
  const section = schema.properties === undefined ? nullableObject(schema) : schema
  if (value === null && (schema.properties !== undefined || entries !== undefined)) return
  if (section !== undefined && isMap(value)) {
    checkSection(value, section, segments, check)
    return
  }
  if (names !== undefined && entries !== undefined && isMap(value)) {
    checkEntries(
      value,
      { names: new RegExp(names), of: schema.entriesOf ?? 'an entry', entries },
      segments,
      check,
    )
    return
  }
  if (schema.items !== undefined && Array.isArray(value) && !fits(schema as never, value)) {
    const before = check.problems.length
    for (const [index, item] of value.entries()) {
      checkNode(item, schema.items, [...segments, String(index)], check)
    }
    if (check.problems.length > before) return
  }
  const isMisplacedScalar = schema.properties !== undefined
  if (!isMisplacedScalar && fits(schema as never, value)) return
  const expects = schema.expects ?? 'a map of keys and values'
  const message = `must be ${expects}, not ${quoteValue(value)}`
  check.problems.push({ where: check.places.whereValue(segments), key: segments.join('.'), message })
}

function checkSection(
  section: Record<string, unknown>,
  schema: SchemaNode,
  segments: string[],
  check: Check,
): void {
  const known = schema.properties ?? {}
  for (const [property, value] of Object.entries(section)) {
    const path = [...segments, property]
    const child = Object.hasOwn(known, property) ? known[property] : undefined
    if (child !== undefined) {
      checkNode(value, child, path, check)
      continue
    }
    const message = `is not known${didYouMean(property, Object.keys(known), check.root)}`
    check.problems.push({ where: check.places.whereKey(path), key: path.join('.'), message })
  }
}

function checkEntries(
  map: Record<string, unknown>,
  kind: { names: RegExp; of: string; entries: SchemaNode },
  segments: string[],
  check: Check,
): void {
  for (const [name, value] of Object.entries(map)) {
    const path = [...segments, name]
    if (kind.names.test(name)) {
      checkNode(value, kind.entries, path, check)
      continue
    }
    const message = `is not a name of ${kind.of}`
    check.problems.push({ where: check.places.whereKey(path), key: path.join('.'), message })
  }
}

/** A sibling with nearly the same name, else the place where a key of exactly this name belongs. */
function didYouMean(word: string, siblings: string[], root: SchemaNode): string {
  const sibling = nearest(word, siblings)
  if (sibling !== undefined) return `; did you mean '${sibling}'?`
  const elsewhere = configKeysOf(root).find(key => key.segments.at(-1) === word)
  if (elsewhere !== undefined) return `; did you mean '${elsewhere.name}'?`
  return `; known here: ${siblings.join(', ')}`
}
