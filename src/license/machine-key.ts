import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { lazily } from '../lazily.ts'
import { thumbprint } from './fields.ts'

/** The public half of a machine key, as it stands in the header of what the machine signs: EC on P-256. */
const MachineJwk = Type.Object(
  { kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: thumbprint, y: thumbprint },
  // A key with more in it might be a private one; it must not be accepted, stored and shown.
  { additionalProperties: false },
)
export type MachineJwk = Static<typeof MachineJwk>

const jwkValidator = lazily(() => Compile(MachineJwk))

/**
 * The key with its JWK in the one canonical spelling, of which the thumbprint is taken; null where the value is no
 * public EC key whose point lies on P-256.
 */
export function importMachineKey(given: unknown): { key: KeyObject; jwk: MachineJwk } | null {
  if (!jwkValidator().Check(given)) return null
  // 43 characters hold two bits more than 32 bytes; in the canonical spelling they are 0.
  const x = Buffer.from(given.x, 'base64url')
  const y = Buffer.from(given.y, 'base64url')
  const jwk = { kty: given.kty, crv: given.crv, x: x.toString('base64url'), y: y.toString('base64url') }
  const der = Buffer.concat([p256Prefix, x, y])
  try {
    // Text in PEM is read at half the cost of a JWK.
    const key = createPublicKey(
      `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----`,
    )
    return { key, jwk }
  } catch {
    return null
  }
}

/** RFC 5480: what stands before the coordinates of a point in the DER of a public key on P-256. */
const p256Prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')

/** The JWK of a machine's public key, with the members that RFC 7638 hashes and no others. */
export function machineJwkOf(publicKey: KeyObject): MachineJwk {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  return { kty, crv, x, y } as MachineJwk
}

/** RFC 7638, SHA-256. `publicKey` is the machine's. */
export async function machineThumbprint(publicKey: KeyObject): Promise<string> {
  return thumbprintOf(machineJwkOf(publicKey))
}

/** The members that RFC 7638 names, in its order and without white space; none of them needs to be escaped. */
export function thumbprintOf({ kty, crv, x, y }: MachineJwk): string {
  return hash('sha256', `{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`, 'base64url')
}
