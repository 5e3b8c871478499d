import { readFileSync } from 'node:fs'

/** The version in package.json, two folders above this file in `src` as in `dist`. */
export function programVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
