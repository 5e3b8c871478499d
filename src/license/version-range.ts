/** `5`, `5.0`, `5.0.2`: one to four whole numbers of at most six digits. */
export const fromVersionPattern = '^\\d{1,6}(\\.\\d{1,6}){0,3}$'

/** The same, or with `x` as the last part: `5.x`. */
export const toVersionPattern = '^\\d{1,6}(\\.\\d{1,6}){0,3}(\\.x)?$'

const versionPattern = /^\d{1,6}(\.\d{1,6}){0,3}(?:[-+].*)?$/

/**
 * True where `version` is in the range, both ends included. Parts are compared as numbers, so 5.10 is
 * above 5.9. `from` counts missing parts as 0. `to` names as many parts as it means: `5.1` covers 5.1.7
 * and stops before 5.2; `5.x` and `5` cover all of 5. A key for 5.0 that is good on 5.1 is
 * `{ from: '5.0', to: '5.x' }`. A suffix of the version (`5.1.0-beta.2`) is not looked at: a
 * pre-release belongs to the version that it leads to. A version that is no dotted number is in no range.
 */
export function versionInRange(version: string, range: { from: string; to: string }): boolean {
  if (!versionPattern.test(version)) return false
  const parts = numbersOf(version.replace(/[-+].*$/, ''))
  const from = numbersOf(range.from)
  const to = numbersOf(range.to.replace(/\.x$/, ''))
  return (
    compareParts(parts, from, Math.max(parts.length, from.length)) >= 0 &&
    compareParts(parts, to, to.length) <= 0
  )
}

function numbersOf(dotted: string): number[] {
  return dotted.split('.').map(Number)
}

function compareParts(left: number[], right: number[], length: number): number {
  for (let index = 0; index < length; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
