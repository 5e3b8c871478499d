import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodeClose, encodeFrame, type Frame, FrameReader, OPCODE } from './raw-websocket.ts'

/** Where a daemon listens. */
export type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number }

export interface HandshakeOptions {
  readonly path?: string
  /** Added to the headers of a good handshake; null leaves one out. */
  readonly headers?: Record<string, string | null>
  /** Bytes that are sent together with the handshake. */
  readonly head?: Buffer
}

export interface HandshakeReply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

export interface Reply {
  readonly id: number | string | null
  readonly method?: string
  readonly params?: Record<string, unknown>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every method.
  readonly result?: any
  readonly error?: { readonly code: number; readonly message: string; readonly data: { code: string } }
}

/** The text of a handshake. */
export function handshakeText({ path = '/', headers = {} }: HandshakeOptions = {}): string {
  const all: Record<string, string | null> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'sessiond.v1',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** Sends a request and reads the whole answer, for handshakes that are refused. */
export async function knock(endpoint: Endpoint, text: string | Buffer): Promise<HandshakeReply> {
  const socket = connect(endpoint)
  socket.write(text)
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => undefined)
  await new Promise(resolve => socket.once('close', resolve))
  return parseReply(Buffer.concat(chunks).toString('latin1'))
}

function parseReply(text: string): HandshakeReply {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  const [first = '', ...lines] = head.split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { status: Number(first.split(' ')[1] ?? 0), headers, body }
}

/**
 * A WebSocket client without any politeness: it sends what it is told, in the pieces it is told, and shows
 * every frame as it came.
 */
export class RawClient {
  readonly socket: Socket
  readonly handshake: HandshakeReply
  /** Chunks as the kernel gave them. */
  chunks = 0
  /** Resolves with the close frame; code 1006 where the connection ended without one. */
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #reader = new FrameReader()
  readonly #frames: Frame[] = []
  readonly #waiting: ((frame: Frame | null) => void)[] = []
  #ended = false
  #ids = 0
  #close: { code: number; reason: string } | null = null
  #closing = false

  private constructor(socket: Socket, handshake: HandshakeReply, rest: Buffer) {
    this.socket = socket
    this.handshake = handshake
    this.closed = new Promise(resolve => {
      socket.once('close', () => resolve(this.#close ?? { code: 1006, reason: '' }))
    })
    socket.on('error', () => undefined)
    socket.on('data', chunk => this.#take(chunk))
    socket.once('close', () => this.#end())
    if (rest.length > 0) this.#take(rest)
  }

  /** Connects and shakes hands; fails where the daemon does not want to. */
  static async open(endpoint: Endpoint, options: HandshakeOptions = {}): Promise<RawClient> {
    const socket = connect(endpoint)
    await once(socket, 'connect')
    const text = Buffer.from(handshakeText(options))
    socket.write(options.head === undefined ? text : Buffer.concat([text, options.head]))
    let received = Buffer.alloc(0)
    let end = -1
    while (end < 0) {
      const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'end').then(() => [])])) as [
        Buffer | undefined,
      ]
      if (chunk === undefined) throw new Error(`No handshake: ${received.toString('latin1')}`)
      received = Buffer.concat([received, chunk])
      end = received.indexOf('\r\n\r\n')
    }
    socket.pause()
    const handshake = parseReply(received.subarray(0, end + 4).toString('latin1'))
    if (handshake.status !== 101) {
      socket.destroy()
      throw new Error(`The handshake was refused: ${received.toString('latin1')}`)
    }
    const client = new RawClient(socket, handshake, received.subarray(end + 4))
    socket.resume()
    return client
  }

  /** Sends each text as one frame, all of them in one write. */
  send(...texts: string[]): void {
    this.socket.write(Buffer.concat(texts.map(text => encodeFrame(OPCODE.text, text))))
  }

  sendBytes(...pieces: Buffer[]): void {
    this.socket.write(Buffer.concat(pieces))
  }

  /** The next data frame; null where the connection ended before. */
  async nextFrame(): Promise<Frame | null> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return frame
    if (this.#ended) return null
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  /** The next text frame, parsed. */
  async next(): Promise<Reply & Reply[]> {
    const frame = await this.nextFrame()
    if (frame === null) throw new Error(`The connection ended: ${JSON.stringify(this.#close)}`)
    return JSON.parse(frame.payload.toString())
  }

  /** Data frames that came and were not asked for yet. */
  get waiting(): number {
    return this.#frames.length
  }

  /** Makes a request of this client's next id. */
  request(method: string, params?: object): string {
    return JSON.stringify({ jsonrpc: '2.0', id: ++this.#ids, method, params })
  }

  /** Sends one request and gives the whole reply. What comes before it must not: replies are in order. */
  async ask(method: string, params?: object): Promise<Reply> {
    this.send(this.request(method, params))
    return this.next()
  }

  /** The result of one request; fails for an error. */
  async call(method: string, params?: object): Promise<Reply['result']> {
    const reply = await this.ask(method, params)
    if (reply.result === undefined) throw new Error(`${method} failed: ${JSON.stringify(reply)}`)
    return reply.result
  }

  /** Sends requests as one batch and gives their replies. */
  async batch(requests: readonly { method: string; params?: object }[]): Promise<Reply[]> {
    this.send(`[${requests.map(({ method, params }) => this.request(method, params)).join(',')}]`)
    return this.next()
  }

  /** Takes sessions for these keys in one batch and gives their tokens; fails where one is refused. */
  async acquireAll(keys: readonly string[], application?: string): Promise<string[]> {
    const replies = await this.batch(
      keys.map(key => ({ method: 'session.acquire', params: { key, application } })),
    )
    return replies.map(({ result, error }) => {
      if (result?.granted !== true) throw new Error(`Not granted: ${JSON.stringify(result ?? error)}`)
      return result.token as string
    })
  }

  /** Closes in order and waits until the daemon did too. */
  async close(code = 1000): Promise<void> {
    this.#closing = true
    this.socket.write(encodeClose(code))
    await this.closed
  }

  /** Cuts the connection, as a crash would. */
  async cut(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }

  #take(chunk: Buffer): void {
    this.chunks++
    for (const frame of this.#reader.push(chunk)) {
      if (frame.opcode === OPCODE.close) {
        this.#close = {
          code: frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE(),
          reason: frame.payload.subarray(2).toString(),
        }
        if (!this.#closing) this.socket.write(encodeFrame(OPCODE.close, frame.payload))
        this.socket.end()
        continue
      }
      const waiter = this.#waiting.shift()
      if (waiter === undefined) this.#frames.push(frame)
      else waiter(frame)
    }
  }

  #end(): void {
    this.#ended = true
    for (const waiter of this.#waiting.splice(0)) waiter(null)
  }
}
