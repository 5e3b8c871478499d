import { parseDocument } from 'yaml'
import type { ConfigKey, SchemaNode } from './keys.ts'

/**
 * The value that a flag or an environment variable gives as text. Where the schema wants text it is taken as it
 * is (`null` is null where null is allowed); numbers, booleans, lists and maps are read as YAML, a list also
 * with commas alone: `a,b`. What cannot be read stays text, and the check against the schema refuses it.
 */
export function valueOfText(key: ConfigKey, text: string): unknown {
  if (wantsText(key.schema)) return text === 'null' && allowsNull(key.schema) ? null : text
  if (key.schema.items !== undefined && !text.trimStart().startsWith('[')) {
    return text.split(',').map(item => item.trim())
  }
  const document = parseDocument(text, { prettyErrors: false })
  return document.errors.length === 0 ? document.toJS({ maxAliasCount: 0 }) : text
}

function allowsNull(schema: SchemaNode): boolean {
  return schema.anyOf?.some(branch => branch.type === 'null') ?? false
}

function wantsText(schema: SchemaNode): boolean {
  if (schema.type === 'string' || 'enum' in schema) return true
  return schema.anyOf?.some(branch => branch.type === 'string') ?? false
}
