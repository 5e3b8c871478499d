import { openReactivations } from './reactivations.ts'
import type { Disturbance } from './scenarios.ts'
import type { Server, SessiondServer } from './servers.ts'

/** Much more often than in the field, so that each measurement meets one. */
const EVERY_MS = 1000
/** Signed ahead, since a signature takes the time of the core on which the load is made. */
const LICENSES = 64

/** Does to a server what happens to one in the field while calls come; ends with the function that it gives back. */
export async function disturb(server: Server, disturbance: Disturbance): Promise<() => Promise<void>> {
  const { act, end } = await disturberOf(server, disturbance)
  let isOver = false
  const acting = (async () => {
    while (!isOver) {
      await act()
      await new Promise(resolve => setTimeout(resolve, EVERY_MS))
    }
  })()
  return async () => {
    isOver = true
    await acting
    await end?.()
  }
}

interface Disturber {
  readonly act: () => Promise<void> | void
  readonly end?: () => Promise<void>
}

async function disturberOf(server: Server, disturbance: Disturbance): Promise<Disturber> {
  switch (disturbance) {
    case 'scrapes':
      return { act: () => scrape(server) }
    case 'reloads':
      return { act: () => reload(server) }
    case 'licenses':
      return { act: await installing(server as SessiondServer) }
    case 'reactivations':
      return openReactivations(server as SessiondServer)
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

/** A license with new terms comes into force: what a reactivation ends in. Nobody meets its limit. */
async function installing({ site, sessions }: SessiondServer): Promise<() => void> {
  const licenses: string[] = []
  for (let n = 1; n <= LICENSES; n++) licenses.push(await site.sign({ maxSessions: sessions - n }))
  return () => {
    const next = licenses.shift()
    if (next !== undefined) site.install(next)
  }
}
