import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { ConfigProblem } from './problem.ts'

/** Longer than any configuration that a person writes; a wrong file is not read whole. */
export const CONFIG_FILE_MAX_BYTES = 1_048_576

/** What a YAML file says, and where it says it. */
export interface YamlFile {
  /** Maps, lists and scalars; null for an empty file. */
  tree: unknown
  problems: ConfigProblem[]
  /** `FILE:LINE:COL` of a key's name. */
  whereKey(segments: readonly string[]): string
  /** `FILE:LINE:COL` of a key's value; of its name where the value is empty. */
  whereValue(segments: readonly string[]): string
}

interface Position {
  key: number
  value: number
}

function positionsOf(node: unknown, path: string[], found: Map<string, Position>): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue
      const child = [...path, String(pair.key.value)]
      const key = pair.key.range?.[0] ?? 0
      const value = pair.value as Node | null
      const isEmpty = value === null || (isScalar(value) && value.source === '')
      found.set(JSON.stringify(child), { key, value: isEmpty ? key : (value.range?.[0] ?? key) })
      positionsOf(value, child, found)
    }
  }
  if (isSeq(node)) {
    node.items.forEach((item, index) => {
      const child = [...path, String(index)]
      const start = (item as Node | null)?.range?.[0] ?? 0
      found.set(JSON.stringify(child), { key: start, value: start })
      positionsOf(item, child, found)
    })
  }
}

/** Parses YAML 1.2; every mistake that the parser finds is a problem with its place. */
export function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const problems = document.errors.map(error => ({
    where: at(error.pos[0]),
    key: '',
    message: `the file is not valid YAML: ${error.message}`,
  }))
  const positions = new Map<string, Position>()
  let tree: unknown = null
  if (problems.length === 0) {
    positionsOf(document.contents, [], positions)
    tree = toPlain(document, problems, at(0))
  }
  const find = (segments: readonly string[]): Position => {
    for (let length = segments.length; length > 0; length--) {
      const position = positions.get(JSON.stringify(segments.slice(0, length)))
      if (position !== undefined) return position
    }
    return { key: 0, value: 0 }
  }
  return {
    tree,
    problems,
    whereKey: segments => at(find(segments).key),
    whereValue: segments => at(find(segments).value),
  }
}

/** Aliases are expanded up to the limit of the `yaml` package; one that leads to itself never ends. */
function toPlain(
  document: ReturnType<typeof parseDocument>,
  problems: ConfigProblem[],
  where: string,
): unknown {
  try {
    const tree: unknown = document.toJS({ maxAliasCount: 100 })
    // Throws for a value that holds itself, on which everybody after this would go round in circles.
    JSON.stringify(tree)
    return tree
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    problems.push({ where, key: '', message: `the file is not usable YAML: ${reason}` })
    return null
  }
}
