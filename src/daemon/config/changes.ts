import { configKeys, valueAt } from './keys.ts'
import type { Config } from './schema.ts'

/** The keys whose values differ, with the values before and after. No value of a configuration is secret. */
export function changedKeys(
  before: Config,
  after: Config,
): { before: Record<string, unknown>; after: Record<string, unknown> } {
  const changes = { before: {} as Record<string, unknown>, after: {} as Record<string, unknown> }
  for (const { name, segments } of configKeys()) {
    const [was, is] = [valueAt(before, segments), valueAt(after, segments)]
    if (JSON.stringify(was) === JSON.stringify(is)) continue
    changes.before[name] = was ?? null
    changes.after[name] = is ?? null
  }
  return changes
}
