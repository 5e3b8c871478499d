/**
 * What is read of the schema of a configuration: plain JSON Schema, `default` as what holds where nobody says
 * otherwise, and three annotations: `expects` completes the sentence "must be …" when a value is wrong, `path`
 * marks the name of a file or folder (relative ones start at the folder of the configuration file), `entriesOf`
 * completes "is not a name of …" for the keys of a map.
 */
export interface SchemaNode {
  type?: string
  properties?: Record<string, SchemaNode>
  patternProperties?: Record<string, SchemaNode>
  anyOf?: SchemaNode[]
  items?: SchemaNode
  default?: unknown
  expects?: string
  description?: string
  path?: boolean
  entriesOf?: string
}

/** One setting: a place in the configuration that has a value of its own. */
export interface ConfigKey {
  /** Such as `listen.unix.path`. */
  name: string
  segments: string[]
  schema: SchemaNode
  /** False inside a map that is null unless somebody sets it, such as `listen.tcp.tls.certFile`. */
  hasDefault: boolean
}

/** The object inside a schema "object or null"; undefined for any other schema. */
export function nullableObject(schema: SchemaNode): SchemaNode | undefined {
  return schema.anyOf?.find(branch => branch.properties !== undefined)
}

function collect(schema: SchemaNode, segments: string[], hasDefault: boolean, found: ConfigKey[]): void {
  for (const [property, child] of Object.entries(schema.properties ?? {})) {
    const path = [...segments, property]
    if (child.properties !== undefined) {
      collect(child, path, hasDefault, found)
      continue
    }
    found.push({ name: path.join('.'), segments: path, schema: child, hasDefault })
    const inner = nullableObject(child)
    if (inner !== undefined) collect(inner, path, false, found)
  }
}

/** Every key of the schema in its order, a map that may be null before its own keys. */
export function configKeysOf(root: SchemaNode): ConfigKey[] {
  const found: ConfigKey[] = []
  collect(root, [], true, found)
  return found
}

/** The value at `segments`, or undefined where a step is missing. */
export function valueAt(tree: unknown, segments: readonly string[]): unknown {
  let node = tree
  for (const segment of segments) {
    if (!isMap(node) || !Object.hasOwn(node, segment)) return undefined
    node = node[segment]
  }
  return node
}

/** Sets the value at `segments`; maps on the way are made, and replace what is not a map. */
export function setAt(tree: Record<string, unknown>, segments: readonly string[], value: unknown): void {
  let node = tree
  for (const segment of segments.slice(0, -1)) {
    const next = valueAt(node, [segment])
    const map = isMap(next) ? next : {}
    define(node, segment, map)
    node = map
  }
  const last = segments.at(-1)
  if (last !== undefined) define(node, last, value)
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A key such as `__proto__` from a file must become a key, not a prototype. */
function define(map: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true })
}

/** The configuration where nobody says anything. */
export function defaultsOf(root: SchemaNode): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  for (const key of configKeysOf(root)) {
    if (key.hasDefault) setAt(tree, key.segments, structuredClone(key.schema.default))
  }
  return tree
}
