import type { KeyObject } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Fault } from '../errors.ts'
import { lazily } from '../lazily.ts'
import { count, flawsOf, instant, label, nullable, type Product, slug, uuid } from './fields.ts'
import { MachineFingerprint } from './fingerprint.ts'
import { formatInstant, parseInstant } from './instant.ts'
import { openMachineDocument, signAsMachine } from './machine-document.ts'
import type { MachineJwk } from './machine-key.ts'
import { type RequestProblem, requestProblem, requestProblemOfFlaw } from './request-problems.ts'

export const requestSchemaVersion = 1
export const requestMaxBytes = 16 * 1024
export const requestType = 'activation-request+jws'

/**
 * What a machine asks of the licensing server: a license for itself. The same document goes by wire and by
 * hand. It holds no secret: the installation key is typed on the page or sent beside it, never in it.
 * Unknown fields are tolerated, as in licenses; a request that must not be understood by halves raises `schema`.
 */
export const MachineRequestPayload = Type.Object({
  schema: Type.Literal(requestSchemaVersion),
  /** Names the request: sent again after a lost reply, it gets the same license and claims nothing twice. */
  requestId: uuid,
  /** By the machine's own clock, which may be wrong. */
  createdAt: instant,
  product: slug,
  version: Type.String({ minLength: 1, maxLength: 40, pattern: '^[0-9A-Za-z.+-]+$' }),
  /** Null until the machine was activated once. */
  installationId: nullable(uuid),
  /** Of the license in force; 0 before the first. A lower one than the server's tells of a cloned machine. */
  generation: count(0, 1_000_000_000),
  /** Sessions that the installation wants to own in all; null: as many as it owns. */
  sessions: nullable(count(1, 1_000_000)),
  /** Null where the machine has no usable facts: only a demonstration license is signed for it. */
  fingerprint: nullable(MachineFingerprint),
  /** The machine's name, for the people who see the request. */
  hostname: label,
  /**
   * Requests that this machine made since the license in force was installed, and whose licenses it does not
   * have: the reply was lost, or the file never came back. They tell a lost reply from a cloned machine,
   * which cannot know them. The newest 16 are enough.
   */
  earlierRequestIds: Type.Optional(Type.Array(uuid, { maxItems: 16 })),
  /**
   * Requests of before the license in force, for which the machine has no license and wants none any more: files that
   * may still be on their way. Where one comes late it is outdated, and no sign of a clone; nothing else follows from it,
   * so a copy that knows them is not taken for the machine. The newest 16 are enough.
   */
  overtakenRequestIds: Type.Optional(Type.Array(uuid, { maxItems: 16 })),
  /** The deactivated license whose receipt this request confirms; null in every other request. */
  deactivationOf: nullable(uuid),
})
export type MachineRequest = Static<typeof MachineRequestPayload>

/** What the caller decides about a request. */
export type MachineRequestContent = Omit<MachineRequest, 'schema' | 'requestId' | 'createdAt' | 'product'> & {
  product: Product
}

const requestValidator = lazily(() => Compile(MachineRequestPayload))

/**
 * Signs a request with the machine's key (EC P-256, so ES256: a signature costs well under a millisecond).
 * `now` in milliseconds since the epoch. Throws a Fault `request-content-invalid` where `content` is out of
 * its bounds.
 */
export async function createMachineRequest(
  content: MachineRequestContent,
  signing: { privateKey: KeyObject; requestId: string; now: number },
): Promise<string> {
  const { privateKey, requestId, now } = signing
  const payload = { schema: requestSchemaVersion, requestId, createdAt: formatInstant(now), ...content }
  if (!requestValidator().Check(payload)) {
    const [flaw] = flawsOf(requestValidator().Errors(payload))
    throw new Fault('request-content-invalid', `The request cannot be made: ${flaw?.path} ${flaw?.what}.`)
  }
  return signAsMachine(payload, { type: requestType, privateKey })
}

export type RequestVerdict =
  | {
      ok: true
      request: MachineRequest
      jwk: MachineJwk
      /** Thumbprint of the machine's key: goes into the license as `cnf.jkt`. */
      jkt: string
      /** How far the machine's clock was ahead of `now` when it made the request; negative: made before. */
      clockAheadMs: number
    }
  | { ok: false; problem: RequestProblem }

/**
 * Verifies that a request was signed by the key that it carries. That proves that the sender holds the key,
 * not who the sender is: that is for the installation key and the ledger to say. A request is not refused for
 * its date, since the machine's clock may be wrong. Never throws for what the text holds.
 */
export async function verifyMachineRequest(text: string | Uint8Array, now: number): Promise<RequestVerdict> {
  const opened = await openMachineDocument(text, { type: requestType, maxBytes: requestMaxBytes })
  if (!opened.ok) {
    return { ok: false, problem: requestProblemOfFlaw(opened.flaw, { requestMaxBytes, requestType }) }
  }
  const reading = readRequest(opened.payload)
  if (!reading.ok) return reading
  const { request } = reading
  const { jwk, jkt } = opened
  return { ok: true, request, jwk, jkt, clockAheadMs: Date.parse(request.createdAt) - now }
}

function readRequest(
  payload: unknown,
): { ok: true; request: MachineRequest } | { ok: false; problem: RequestProblem } {
  const schema = (payload as { schema?: unknown } | null | undefined)?.schema
  if (typeof schema === 'number' && schema > requestSchemaVersion) {
    return {
      ok: false,
      problem: requestProblem('request-schema-too-new', { schema, known: requestSchemaVersion }),
    }
  }
  if (!requestValidator().Check(payload)) {
    const flaws = flawsOf(requestValidator().Errors(payload))
    return { ok: false, problem: requestProblem('request-payload-invalid', { flaws }) }
  }
  if (parseInstant(payload.createdAt) === null) {
    const flaws = [{ path: '/createdAt', what: 'must be a day of the calendar' }]
    return { ok: false, problem: requestProblem('request-payload-invalid', { flaws }) }
  }
  return { ok: true, request: payload }
}
