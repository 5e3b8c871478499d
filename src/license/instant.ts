const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/

/** The length of a day in milliseconds. License dates are UTC, where every day has this length. */
export const dayMs = 86_400_000

/**
 * Milliseconds since the epoch of an ISO 8601 UTC date-time (`2027-12-31T23:59:59Z`),
 * or null where the text is anything else. A day that the calendar does not have (30 February) is null
 * too: `Date.parse` would silently make it another day, and a license would end on it.
 */
export function parseInstant(text: string): number | null {
  if (!instantPattern.test(text)) return null
  const instant = Date.parse(text)
  if (Number.isNaN(instant)) return null
  return new Date(instant).toISOString().startsWith(text.slice(0, 19)) ? instant : null
}

/** The ISO form that licenses carry: whole seconds, UTC. */
export function formatInstant(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`
}

/** The same instant for people: `2027-12-31 23:59:59 UTC`. */
export function sayInstant(instant: number): string {
  return `${formatInstant(instant).slice(0, 19).replace('T', ' ')} UTC`
}
