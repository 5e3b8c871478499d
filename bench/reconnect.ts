import { RawClient } from '../test/support/raw-client.ts'
import { type Spread, spreadOf } from './report.ts'
import { type SessiondServer, startEcho, startSessiond } from './servers.ts'

/** All clients lose their connection at once and come back with their sessions. */
export interface ReconnectRow {
  readonly clients: number
  readonly sessions: number
  /** From the first connection to the last answer. */
  readonly allBackAfterMs: Spread
  /** To as many clients that only connect to a bare `ws` echo and have as many frames come back. */
  readonly ofEcho: Spread
  readonly resumedPerSecond: Spread
  /** What a client that stayed waits for an acquire meanwhile, at worst. */
  readonly slowestAcquireMs: Spread
}

export interface ReconnectOptions {
  readonly directory: string
  readonly clients: number
  readonly sessionsEach: number
  readonly rounds: number
  readonly onProgress: (text: string) => void
}

/** As many handshakes under way at a time: the backlog of a listening socket ends at 511. */
const AT_ONCE = 250

export async function measureReconnect(options: ReconnectOptions): Promise<ReconnectRow> {
  const { directory, clients, sessionsEach, rounds, onProgress } = options
  const sessions = clients * sessionsEach
  const echo = await startEcho('ws-echo', directory)
  const daemon = await startSessiond({ name: 'reconnected', sessions: sessions + 1 })
  try {
    await holdAll(daemon, clients, sessionsEach)
    const figures: { ms: number; echoMs: number; slowestMs: number }[] = []
    for (let round = 1; round <= rounds; round++) {
      onProgress(`${clients} clients come back: round ${round} of ${rounds}`)
      const echoMs = (await comeBack(echo.socket, clients)).ms
      const stayed = await Bystander.open(daemon.socket)
      const { ms, replies } = await comeBack(daemon.socket, clients)
      const slowestMs = await stayed.leave()
      for (const reply of replies) check(reply, sessionsEach)
      figures.push({ ms, echoMs, slowestMs })
    }
    return {
      clients,
      sessions,
      allBackAfterMs: spreadOf(figures.map(({ ms }) => ms)),
      ofEcho: spreadOf(figures.map(({ ms, echoMs }) => ms / echoMs)),
      resumedPerSecond: spreadOf(figures.map(({ ms }) => (sessions * 1000) / ms)),
      slowestAcquireMs: spreadOf(figures.map(({ slowestMs }) => slowestMs)),
    }
  } finally {
    await Promise.all([echo.stop(), daemon.stop()])
  }
}

const helloOf = (client: number) => ({
  clientId: `client-${client}`,
  clientSecret: `secret-of-client-${client}-0123456789`,
})

async function holdAll({ socket }: SessiondServer, clients: number, sessionsEach: number): Promise<void> {
  for (let client = 0; client < clients; client++) {
    const connection = await RawClient.open({ path: socket })
    await connection.call('hello', helloOf(client))
    await connection.acquireAll(Array.from({ length: sessionsEach }, (_, n) => `call-${client}-${n}`))
    await connection.cut()
  }
}

/** Every client connects, says who it is and resumes, in one frame; the connections are cut afterwards. */
async function comeBack(path: string, clients: number): Promise<{ ms: number; replies: unknown[] }> {
  const connections: RawClient[] = []
  const replies: unknown[] = []
  const beganAt = performance.now()
  let next = 0
  const some = async () => {
    while (next < clients) {
      const client = next++
      const connection = await RawClient.open({ path })
      connections.push(connection)
      const requests = [
        { method: 'hello', params: helloOf(client) },
        { method: 'session.resume', params: {} },
      ]
      replies.push((await connection.batch(requests))[1])
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, clients) }, some))
  const ms = performance.now() - beganAt
  await Promise.all(connections.map(connection => connection.cut()))
  return { ms, replies }
}

function check(reply: unknown, sessionsEach: number): void {
  const { result } = reply as { result?: { resumed: number } }
  if (result?.resumed !== sessionsEach) throw new Error(`Not all came back: ${JSON.stringify(reply)}`)
}

/** One call after the other, as long as the storm lasts. */
class Bystander {
  readonly #client: RawClient
  readonly #calling: Promise<void>
  #slowestMs = 0
  #isOver = false

  private constructor(client: RawClient) {
    this.#client = client
    this.#calling = this.#call()
  }

  static async open(path: string): Promise<Bystander> {
    return new Bystander(await RawClient.open({ path }))
  }

  async leave(): Promise<number> {
    this.#isOver = true
    await this.#calling
    await this.#client.cut()
    return this.#slowestMs
  }

  async #call(): Promise<void> {
    for (let serial = 0; !this.#isOver; serial++) {
      const beganAt = performance.now()
      const [token] = await this.#client.acquireAll([`stayed-${serial}`])
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - beganAt)
      await this.#client.call('session.release', { token })
    }
  }
}
