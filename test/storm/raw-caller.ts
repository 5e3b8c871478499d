import { startTimeOf } from '../support/processes.ts'
import { RawClient, type Reply } from '../support/raw-client.ts'
import type { Ledger } from './ledger.ts'

const IN_FLIGHT = 6
/** So many releases are remembered, to see that none of them comes back to life. */
const REMEMBERED = 200

export interface RawCallerOptions {
  readonly socket: string
  readonly clientId: string
  readonly ledger: Ledger
  /** About as many sessions are held at a time. */
  readonly hold: number
  /** Whether the daemon is told which process this is. */
  readonly isNamed: boolean
}

interface Request {
  readonly method: 'session.acquire' | 'session.release'
  readonly key: string
  readonly token: string
  /** A release that was sent before: it must not count again. */
  readonly isAgain: boolean
}

/** Takes and releases sessions without a pause, and notes what it asks for and what it is told. */
export class RawCaller {
  readonly #options: RawCallerOptions
  readonly #held = new Map<string, string>()
  readonly #asked = new Set<string>()
  readonly #releasing = new Map<string, string>()
  /** Token and key of what was released. */
  readonly #released = new Map<string, string>()
  readonly #pending = new Map<number, Request>()
  #client: RawClient | null = null
  #keys = 0
  #ids = 1_000_000
  #turn = 0
  #whenQuiet: (() => void) | null = null
  /** Connected, and what is held was taken back. */
  #isReady = false

  constructor(options: RawCallerOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#client !== null
  }

  pause(whenQuiet: () => void): void {
    this.#whenQuiet = whenQuiet
    this.#tellIfQuiet()
  }

  goOn(): void {
    this.#whenQuiet = null
    while (this.#pending.size < IN_FLIGHT) this.#next()
  }

  /** Until the connection ends, of which no moment is a bad one. */
  async work(): Promise<void> {
    this.#whenQuiet = null
    this.#pending.clear()
    let client: RawClient
    try {
      client = await RawClient.open({ path: this.#options.socket })
      this.#client = client
      await this.#recover(client)
      this.#isReady = true
      if (this.#whenQuiet === null) this.goOn()
      else this.#tellIfQuiet()
      for (let frame = await client.nextFrame(); frame !== null; frame = await client.nextFrame()) {
        this.#read(JSON.parse(frame.payload.toString()))
        if (this.#whenQuiet === null) this.goOn()
        else this.#tellIfQuiet()
      }
    } catch (error) {
      if (!isEnd(error)) throw error
    } finally {
      this.#isReady = false
      this.#client = null
    }
  }

  /** Takes back what is held, shows what is not, and asks again for what was not answered. */
  async #recover(client: RawClient): Promise<void> {
    const { clientId, isNamed, ledger } = this.#options
    await client.call('hello', {
      clientId,
      clientSecret: `the-secret-of-${clientId}`,
      ...(isNamed ? { process: { pid: process.pid, startTime: startTimeOf(process.pid) } } : {}),
    })
    const held = [...this.#held]
    const { unknown: lost } = await client.call('session.resume', { tokens: held.map(([, token]) => token) })
    for (const [key, token] of held.filter(([, token]) => lost.includes(token))) {
      ledger.note('lost', key, token)
      this.#held.delete(key)
    }
    const tokens = [...this.#released.keys()]
    const { unknown: gone } = await client.call('session.resume', { tokens })
    for (const token of tokens) if (!gone.includes(token)) ledger.note('revived', this.#released.get(token)!)
    await client.call('session.resume', {})
    for (const [key, token] of this.#releasing)
      this.#send({ method: 'session.release', key, token, isAgain: true })
    for (const key of this.#asked) this.#send({ method: 'session.acquire', key, token: '', isAgain: true })
  }

  /** Three acquires, then a release, until there is as much as is to be held; then it goes round. */
  #next(): void {
    const full = this.#held.size + this.#asked.size >= this.#options.hold
    const [oldest] = this.#held
    this.#turn++
    if (oldest !== undefined && (full || this.#turn % 4 === 0)) {
      const [key, token] = oldest
      this.#held.delete(key)
      this.#releasing.set(key, token)
      this.#options.ledger.note('releasing', key)
      this.#send({ method: 'session.release', key, token, isAgain: false })
      // Now and then the same release twice.
      if (this.#turn % 7 === 0) this.#send({ method: 'session.release', key, token, isAgain: true })
      return
    }
    const key = `${this.#options.clientId}/${++this.#keys}`
    this.#asked.add(key)
    this.#options.ledger.note('asked', key)
    this.#send({ method: 'session.acquire', key, token: '', isAgain: false })
  }

  #send(request: Request): void {
    const { method, key, token } = request
    const id = ++this.#ids
    this.#pending.set(id, request)
    const params = method === 'session.acquire' ? { key } : { token }
    this.#client!.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  }

  #read({ id, result, error }: Reply): void {
    const request = this.#pending.get(id as number)
    if (request === undefined) throw new Error(`A reply to nothing that was asked: ${id}`)
    if (result === undefined) throw new Error(`${request.method} failed: ${JSON.stringify(error)}`)
    this.#pending.delete(id as number)
    if (request.method === 'session.release') this.#readRelease(request, result.released)
    else this.#readAcquire(request.key, result)
  }

  #readAcquire(key: string, result: { granted: boolean; token: string }): void {
    this.#asked.delete(key)
    if (result.granted) this.#held.set(key, result.token)
    this.#options.ledger.note(result.granted ? 'granted' : 'denied', key, result.granted ? result.token : '')
  }

  #readRelease({ key, token, isAgain }: Request, counted: boolean): void {
    if (this.#releasing.delete(key)) {
      this.#options.ledger.note('released', key)
      this.#released.set(token, key)
      if (this.#released.size > REMEMBERED) this.#released.delete(this.#released.keys().next().value!)
    } else if (isAgain && counted) this.#options.ledger.note('twice', key)
  }

  #tellIfQuiet(): void {
    if (this.#whenQuiet === null || !this.#isReady || this.#pending.size > 0) return
    this.#whenQuiet()
    this.#whenQuiet = () => undefined
  }
}

/** The daemon is gone, or was not there yet: that is what a storm is. */
function isEnd(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return (
    ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code ?? '') ||
    /^(No handshake|The connection ended)/.test(message)
  )
}
