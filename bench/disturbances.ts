import type { Disturbance } from './scenarios.ts'
import type { Server } from './servers.ts'

/** Much more often than in the field, so that a short measurement meets many of them. */
const EVERY_MS = 200

/** Does to a server what happens to one in the field while calls come; ends with the function that it gives back. */
export function disturb(server: Server, disturbance: Disturbance): () => Promise<void> {
  const act = disturbance === 'scrapes' ? () => scrape(server) : async () => reload(server)
  let isOver = false
  const acting = (async () => {
    while (!isOver) {
      await act()
      await new Promise(resolve => setTimeout(resolve, EVERY_MS))
    }
  })()
  return () => {
    isOver = true
    return acting
  }
}

async function scrape({ operationsPort }: Server): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${operationsPort}/metrics`)
  if (!response.ok) throw new Error(`A scrape was answered with ${response.status}.`)
  await response.text()
}

/** Configuration, trust and license are read and judged anew. */
function reload({ pid }: Server): void {
  process.kill(pid, 'SIGHUP')
}
