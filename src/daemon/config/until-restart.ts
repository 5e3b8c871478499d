import type { Config } from './schema.ts'

/** What a running daemon has opened already, or knows for good. */
const keptKeys = ['listen', 'operations', 'machine', 'product', 'stateDirectory', 'runtimeDirectory'] as const

/** The configuration that a reload can bring: `next`, with what only a restart can change left as it is. */
export function reloaded(running: Config, next: Config): { config: Config; needRestart: string[] } {
  const kept = Object.fromEntries(keptKeys.map(key => [key, running[key]]))
  const needRestart: string[] = keptKeys.filter(
    key => JSON.stringify(running[key]) !== JSON.stringify(next[key]),
  )
  const { file } = running.license
  if (file !== next.license.file) needRestart.push('license.file')
  return { config: { ...next, ...kept, license: { ...next.license, file } }, needRestart }
}
