/** The spans for which history is kept, in milliseconds. They begin where UTC has a round time. */
export const spans = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const
export type Span = keyof typeof spans
export const spanNames = ['minute', 'hour', 'day'] as const

/** When the span that holds this instant began. Both in milliseconds since the epoch. */
export function startOf(span: Span, instant: number): number {
  return Math.floor(instant / spans[span]) * spans[span]
}
