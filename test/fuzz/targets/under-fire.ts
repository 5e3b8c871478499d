import { defaultConfig } from '../../../src/daemon/config/keys.ts'
import type { Config } from '../../../src/daemon/config/schema.ts'
import { CLOSE, ERRORS } from '../../../src/protocol/codes.ts'
import { startHere } from '../../support/daemon.ts'
import { type Endpoint, RawClient, type Reply } from '../../support/raw-client.ts'
import type { Frame } from '../../support/raw-websocket.ts'
import { OPCODE } from '../../support/raw-websocket.ts'
import { Site, type TearDown } from '../../support/site.ts'
import { ensure } from '../target.ts'

/** Documented in docs/PROTOCOL.md, or by RFC 6455 for what is no WebSocket; 1005 and 1006: none was sent. */
const closeCodes = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, ...Object.values(CLOSE)])

const licensed = 40

/** A real daemon, with a call server beside the attacker on which nothing may show. */
export class UnderFire {
  readonly endpoint: Endpoint
  readonly #control: RawClient
  readonly #operator: RawClient
  readonly #held: string
  /** Tokens that were granted to the attacker, the newest last; few are remembered. */
  readonly tokens: string[] = []
  #cases = 0

  private constructor(endpoint: Endpoint, control: RawClient, operator: RawClient, held: string) {
    this.endpoint = endpoint
    this.#control = control
    this.#operator = operator
    this.#held = held
  }

  static async start(t: TearDown): Promise<UnderFire> {
    const bounds: Config['bounds'] = { ...defaultConfig().bounds, maxFrameBytes: 16_384, maxApplications: 64 }
    const site = new Site(t, { bounds, log: { level: 'fatal' } })
    site.config.sessions.resumeWindowMs = 2000
    await site.license({ maxSessions: licensed })
    const { client } = await startHere(t, site)
    const control = await client()
    await control.call('hello', { application: 'control' })
    const [held = ''] = await control.acquireAll(['held-throughout'])
    const operator = await RawClient.open({ path: `${site.config.runtimeDirectory}/operators.sock` })
    t.teardown(() => operator.cut())
    return new UnderFire(site.socket, control, operator, held)
  }

  /** Holds a frame of the daemon against the protocol. Gives the words of its errors. */
  check(frame: Frame): string[] {
    if (frame.opcode === OPCODE.pong) return ['pong']
    if (frame.opcode === OPCODE.ping) return ['ping']
    ensure(frame.opcode === OPCODE.text && frame.final, `The daemon sent a frame of opcode ${frame.opcode}.`)
    const message = JSON.parse(frame.payload.toString()) as Reply | Reply[]
    if (Array.isArray(message)) ensure(message.length > 0, 'An empty batch came.')
    return [message].flat().map(reply => this.#checkReply(reply))
  }

  #checkReply(reply: Reply): string {
    const { id, method, result, error } = reply
    ensure((reply as unknown as { jsonrpc: unknown }).jsonrpc === '2.0', 'A reply is no JSON-RPC 2.0.')
    if (method !== undefined) return `notification ${method}`
    if (error !== undefined) {
      const { code } = error.data
      ensure(Object.hasOwn(ERRORS, code), `The error ${code} is not documented.`)
      ensure(ERRORS[code as keyof typeof ERRORS] === error.code, `The number of ${code} is another.`)
      ensure(code !== 'internal-error', `The daemon met a fault: ${error.message}`)
      ensure(error.message.length < 2000, 'The message of an error is as long as it likes.')
      return code
    }
    ensure(typeof id === 'number' || typeof id === 'string', 'A result has no id.')
    if (result.granted === true) {
      ensure(result.inUse <= licensed, `Over-admitted: ${result.inUse} of ${licensed}`)
      if (result.repeated !== true) this.tokens.push(result.token)
      if (this.tokens.length > 64) this.tokens.shift()
    }
    return result.granted === false ? result.reason : 'result'
  }

  /** `echoed`: the input may hold a close frame of any code, which comes back (RFC 6455, 5.5.1). */
  checkClose(code: number, echoed: boolean): string {
    if (echoed && !closeCodes.has(code) && code >= 1007 && code < 5000)
      return 'closed with the code that was sent'
    ensure(closeCodes.has(code), `The close code ${code} is not documented.`)
    ensure(echoed || code !== CLOSE['internal-error'], 'The daemon met a fault.')
    return `closed with ${code}`
  }

  /** Waits until the daemon has read what was sent before, or as good as. */
  async pause(): Promise<void> {
    for (let times = 0; times < 3; times++) await this.#control.call('license.get')
  }

  /** The call server goes on; nobody has more than is licensed; every session is listed once. */
  async checkPeace(): Promise<void> {
    const control = this.#control
    const again = await control.call('session.acquire', { key: 'held-throughout' })
    ensure(again.token === this.#held && again.repeated === true, 'The session of a bystander is gone.')
    const call = await control.call('session.acquire', { key: `call-${this.#cases}` })
    if (call.granted) {
      ensure((await control.call('session.release', { token: call.token })).released, 'A release was lost.')
    } else ensure(call.reason === 'limit-reached' && call.inUse === licensed, `Refused: ${call.reason}`)
    if (++this.#cases % 16 !== 0) return
    const status = await control.call('status.get')
    ensure(status.inUse <= licensed && status.inUse >= 1, `${status.inUse} of ${licensed} are in use.`)
    ensure(
      status.granted - status.released === status.inUse,
      `The counts do not add up: ${JSON.stringify(status)}`,
    )
    const { total, sessions } = await this.#operator.call('sessions.list', { limit: 1000 })
    const ids = new Set(sessions.map(({ id }: { id: string }) => id))
    ensure(
      ids.size === total && total <= licensed,
      `${total} sessions are listed, ${ids.size} different ones.`,
    )
    if (this.#cases % 64 === 0) await this.#giveRoom()
  }

  /** Releases what the attacker holds, so that something can be granted again. */
  async #giveRoom(): Promise<void> {
    for (const token of this.tokens.splice(0)) await this.#control.call('session.release', { token })
  }
}
