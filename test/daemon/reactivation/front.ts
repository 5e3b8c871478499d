import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TearDown } from '../../support/site.ts'

/** What the network does with one exchange. */
export type Weather =
  | 'fair'
  /** The request arrives and is answered; the reply is lost. */
  | 'reply-lost'
  /** The reply waits until `release` is called. */
  | 'reply-held'
  /** The server is not reached. */
  | 'down'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }

/** Stands between a machine and the licensing server, and lets through what the test says. */
export class Front {
  weather: Weather = 'fair'
  /** Bodies of the requests that came, with their path. */
  readonly seen: { readonly path: string; readonly body: Record<string, unknown> }[] = []
  url = ''
  readonly #target: string
  #released: () => void = () => undefined
  #held: Promise<void> = Promise.resolve()

  private constructor(target: string) {
    this.#target = target
  }

  static async start(t: TearDown, target: string): Promise<Front> {
    const front = new Front(target)
    const server = createServer((incoming, outgoing) => void front.#pass(incoming, outgoing))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    front.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    t.teardown(() => {
      front.release()
      server.close()
      server.closeAllConnections()
    })
    return front
  }

  /** The next exchanges are held. */
  hold(): void {
    this.weather = 'reply-held'
    this.#held = new Promise(resolve => {
      this.#released = resolve
    })
  }

  release(): void {
    this.#released()
  }

  /** The requests that were sent to one path of the API. */
  requests(path: string): unknown[] {
    return this.seen.filter(one => one.path === path).map(({ body }) => body['request'])
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { weather } = this
    const body = await textOf(incoming)
    this.seen.push({ path: incoming.url ?? '', body: JSON.parse(body) })
    if (weather === 'down') {
      incoming.socket.destroy()
      return
    }
    if (typeof weather === 'object') {
      outgoing.writeHead(weather.status, weather.headers).end(weather.body)
      return
    }
    const { method, headers, url } = incoming
    const forward = request(this.#target + url, { method, headers })
    forward.end(body)
    const [answer] = (await once(forward, 'response')) as [IncomingMessage]
    const text = await textOf(answer)
    if (weather === 'reply-held') await this.#held
    if (weather === 'reply-lost') incoming.socket.destroy()
    else outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(text)
  }
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
