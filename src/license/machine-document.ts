import { createPublicKey, type KeyObject } from 'node:crypto'
import { CompactSign } from 'jose'
import { type JwsFlaw, parseJws, signatureHolds } from './jws.ts'
import { importMachineKey, type MachineJwk, machineJwkOf, thumbprintOf } from './machine-key.ts'

/** Signs a document with the machine's key (EC P-256, so ES256). Its type tells it from all others. */
export async function signAsMachine(
  payload: object,
  signing: { type: string; privateKey: KeyObject },
): Promise<string> {
  const { type, privateKey } = signing
  const jwk = machineJwkOf(createPublicKey(privateKey))
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'ES256', typ: type, jwk })
    .sign(privateKey)
}

export type MachineDocumentFlaw = JwsFlaw | { kind: 'key-invalid' } | { kind: 'signature-invalid' }

export type OpenedMachineDocument =
  | {
      ok: true
      /** As parsed from JSON, signed by the key, and not checked otherwise; undefined where it is no JSON. */
      payload: unknown
      jwk: MachineJwk
      /** Thumbprint of the key. */
      jkt: string
    }
  | { ok: false; flaw: MachineDocumentFlaw }

/**
 * Verifies that a document was signed by the key that it carries, which says nothing of whose key that is. Never
 * throws for what the text holds.
 */
export async function openMachineDocument(
  text: string | Uint8Array,
  expected: { type: string; maxBytes: number },
): Promise<OpenedMachineDocument> {
  const jws = parseJws(text, { ...expected, algorithm: 'ES256', parameters: ['alg', 'typ', 'jwk'] })
  if (!jws.ok) return jws
  const imported = importMachineKey(jws.header['jwk'])
  if (imported === null) return { ok: false, flaw: { kind: 'key-invalid' } }
  if (!(await signatureHolds(jws, imported.key, 'ES256'))) {
    return { ok: false, flaw: { kind: 'signature-invalid' } }
  }
  const { jwk } = imported
  return { ok: true, payload: jws.payload, jwk, jkt: thumbprintOf(jwk) }
}
