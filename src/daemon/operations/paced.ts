import type { Page } from '../../exposition.ts'

export type Render = (openMetrics: boolean) => Promise<Page>

/** A page is given again for so many times what it cost to make, */
const SHARE = 9
/** but never for longer than this. */
const MAX_AGE_MS = 1000

/**
 * Makes pages for at most a tenth of the time, however often they are asked for: whoever asks meanwhile gets the
 * one that is being made or was made last. Calls go through the same thread.
 */
export function paced(render: Render, now: () => number): Render {
  const pages = new Map<boolean, { page: Promise<Page>; freshUntil: number }>()
  return openMetrics => {
    const beganAt = now()
    const last = pages.get(openMetrics)
    if (last !== undefined && beganAt < last.freshUntil) return last.page
    const page = render(openMetrics)
    const made = { page, freshUntil: Infinity }
    pages.set(openMetrics, made)
    page.then(
      () => {
        const endedAt = now()
        made.freshUntil = endedAt + Math.min(MAX_AGE_MS, (endedAt - beganAt) * SHARE)
      },
      () => pages.delete(openMetrics),
    )
    return page
  }
}
