import type { Reply } from '../../src/daemon/gateway/connection.ts'
import { LAWS, Violation } from './violation.ts'

export interface AcquireAnswer {
  readonly granted: boolean
  readonly token?: string
  readonly repeated?: boolean
  readonly reason?: string
}

export interface ResumeAnswer {
  readonly unknown: ReadonlySet<string>
  /** The new token of each that was adopted, by the one that was shown. */
  readonly replaced: ReadonlyMap<string, string>
}

export function acquireAnswer(reply: Reply): AcquireAnswer {
  if (reply === null) throw new Violation(LAWS.refuse, 'an acquire was not answered')
  if (typeof reply === 'object') {
    if (!('token' in reply)) throw new Violation(LAWS.refuse, 'an acquire was answered as a resume')
    return { granted: true, token: reply.token, repeated: reply.repeated }
  }
  const { result } = JSON.parse(reply)
  if (result === undefined) throw new Violation(LAWS.refuse, `an acquire was answered by the error ${reply}`)
  return result
}

export function resumeAnswer(reply: Reply): ResumeAnswer {
  if (reply !== null && typeof reply === 'object' && 'adopted' in reply) {
    const replaced = reply.adopted.map(([shown, { token }]) => [shown, token] as const)
    return { unknown: new Set(reply.unknown), replaced: new Map(replaced) }
  }
  throw new Violation(LAWS.refuse, `a resume was answered by ${JSON.stringify(reply)}`)
}

/** The tokens that a frame of the daemon tells. */
export function tokensIn(text: string): string[] {
  const messages = [JSON.parse(text)].flat() as { result?: { token?: unknown; replaced?: object } }[]
  const tokens = messages.flatMap(({ result }) => [result?.token, ...Object.values(result?.replaced ?? {})])
  return tokens.filter(token => typeof token === 'string')
}

/** The token without what proves it to a daemon that lost it. */
export function plain(token: string): string {
  return token.split('.', 2).join('.')
}
