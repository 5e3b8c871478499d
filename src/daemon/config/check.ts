import { Value } from 'typebox/value'
import { configKeys, isMap, nullableObject, type SchemaNode } from './keys.ts'
import { type ConfigProblem, quoteValue } from './problem.ts'
import { APPLICATION_NAME_PATTERN, ConfigSchema } from './schema.ts'
import { nearest } from './suggest.ts'

/** Says where a key or its value was written. */
export interface Places {
  whereKey(segments: readonly string[]): string
  whereValue(segments: readonly string[]): string
}

/**
 * Compares what one source says (a file, a variable, a flag) with the schema. Nothing needs to be complete:
 * other sources and the defaults fill the rest. An empty section is the same as one that is left out.
 */
export function checkTree(tree: unknown, places: Places): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (tree === null || tree === undefined) return problems
  checkNode(tree, ConfigSchema as SchemaNode, [], places, problems)
  return problems
}

/** Compares the value of one key with its schema. */
export function checkNode(
  value: unknown,
  schema: SchemaNode,
  segments: string[],
  places: Places,
  problems: ConfigProblem[],
): void {
  const entries = Object.values(schema.patternProperties ?? {})[0]
  const section = schema.properties === undefined ? nullableObject(schema) : schema
  if (value === null && (schema.properties !== undefined || entries !== undefined)) return
  if (section !== undefined && isMap(value)) {
    checkSection(value, section, segments, places, problems)
    return
  }
  if (entries !== undefined && isMap(value)) {
    checkEntries(value, entries, segments, places, problems)
    return
  }
  if (schema.items !== undefined && Array.isArray(value) && !Value.Check(schema as never, value)) {
    const before = problems.length
    for (const [index, item] of value.entries()) {
      checkNode(item, schema.items, [...segments, String(index)], places, problems)
    }
    if (problems.length > before) return
  }
  const isMisplacedScalar = schema.properties !== undefined
  if (!isMisplacedScalar && Value.Check(schema as never, value)) return
  const expects = schema.expects ?? 'a map of keys and values'
  const message = `must be ${expects}, not ${quoteValue(value)}`
  problems.push({ where: places.whereValue(segments), key: segments.join('.'), message })
}

function checkSection(
  section: Record<string, unknown>,
  schema: SchemaNode,
  segments: string[],
  places: Places,
  problems: ConfigProblem[],
): void {
  const known = schema.properties ?? {}
  for (const [property, value] of Object.entries(section)) {
    const path = [...segments, property]
    const child = Object.hasOwn(known, property) ? known[property] : undefined
    if (child !== undefined) {
      checkNode(value, child, path, places, problems)
      continue
    }
    const message = `is not known${didYouMean(property, Object.keys(known))}`
    problems.push({ where: places.whereKey(path), key: path.join('.'), message })
  }
}

function checkEntries(
  map: Record<string, unknown>,
  schema: SchemaNode,
  segments: string[],
  places: Places,
  problems: ConfigProblem[],
): void {
  for (const [name, value] of Object.entries(map)) {
    const path = [...segments, name]
    if (!APPLICATION_NAME_PATTERN.test(name)) {
      const message =
        'is not a name of an application: 1 to 63 of A-Z a-z 0-9 . _ -, not starting with one of . _ -'
      problems.push({ where: places.whereKey(path), key: path.join('.'), message })
      continue
    }
    checkNode(value, schema, path, places, problems)
  }
}

/** A sibling with nearly the same name, else the place where a key of exactly this name belongs. */
function didYouMean(word: string, siblings: string[]): string {
  const sibling = nearest(word, siblings)
  if (sibling !== undefined) return `; did you mean '${sibling}'?`
  const elsewhere = configKeys().find(key => key.segments.at(-1) === word)
  if (elsewhere !== undefined) return `; did you mean '${elsewhere.name}'?`
  return `; known here: ${siblings.join(', ')}`
}
