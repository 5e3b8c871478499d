import type { X509Certificate } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { lazily } from '../lazily.ts'
import { keySha256 } from './chain.ts'
import { count, flawsOf, instant, label, type PayloadFlaw, sayFlaws } from './fields.ts'
import { type Jws, type JwsFlaw, parseJws, signatureHolds } from './jws.ts'

export const revocationListSchemaVersion = 1
export const revocationListMaxBytes = 1024 * 1024
export const revocationListType = 'revocation-list+jws'

const keyDigest = Type.String({ pattern: '^[0-9a-f]{64}$' })

/**
 * Certificates that must not be believed any more. Signed by the root's own key, so that the thief of an
 * issuing key can neither take it off the list nor put others on it; the root's key comes out of its safe
 * for that. A certificate is named by the SHA-256 of its public key: see keySha256.
 */
export const RevocationListPayload = Type.Object({
  schema: Type.Literal(revocationListSchemaVersion),
  /** keySha256 of the root that signed the list. */
  root: keyDigest,
  /** Raised with every list; the higher one is the newer. */
  number: count(1, 1_000_000_000),
  issuedAt: instant,
  revoked: Type.Array(
    Type.Object({
      keySha256: keyDigest,
      /** For people, as `openssl x509 -serial` shows it. */
      serialNumber: Type.String({ pattern: '^[0-9A-F]{1,40}$' }),
      revokedAt: instant,
      reason: label,
    }),
    { maxItems: 2_000 },
  ),
})
export type RevocationList = Static<typeof RevocationListPayload>

const validator = lazily(() => Compile(RevocationListPayload))

export interface RevocationProblem {
  code:
    | 'revocation-list-unreadable'
    | 'revocation-list-untrusted'
    | 'revocation-list-invalid'
    | 'revocation-list-outdated'
  message: string
  hint: string
}

export type RevocationVerdict = { ok: true; list: RevocationList } | { ok: false; problem: RevocationProblem }

/**
 * Reads a revocation list that one of the trusted roots signed. `current` is the list of that root which is
 * known already: an older one is refused, since it would bring back a certificate that was revoked.
 * Never throws for what the text holds.
 */
export async function verifyRevocationList(
  text: string | Uint8Array,
  trustedRoots: readonly X509Certificate[],
  current: readonly RevocationList[] = [],
): Promise<RevocationVerdict> {
  const jws = parseJws(text, {
    type: revocationListType,
    algorithm: 'PS256',
    parameters: ['alg', 'typ'],
    maxBytes: revocationListMaxBytes,
  })
  if (!jws.ok) return refuse('revocation-list-unreadable', sayFlaw(jws.flaw))
  const root = await findSigner(jws, trustedRoots)
  if (root === null)
    return refuse('revocation-list-untrusted', 'None of the trusted roots signed this revocation list.')
  const { payload } = jws
  const flaws = validator().Check(payload)
    ? contradictionsOf(payload, root)
    : flawsOf(validator().Errors(payload))
  if (flaws.length > 0)
    return refuse('revocation-list-invalid', `The revocation list is wrong: ${sayFlaws(flaws)}.`)
  const list = payload as RevocationList
  const known = current.find(other => other.root === list.root)
  if (known !== undefined && known.number > list.number) {
    return refuse(
      'revocation-list-outdated',
      `This is revocation list ${list.number}; list ${known.number} is known already.`,
    )
  }
  return { ok: true, list }
}

const hint = 'Fetch the newest list from the vendor; `sessionctl reactivate` brings it too.'

function refuse(code: RevocationProblem['code'], message: string): RevocationVerdict {
  return { ok: false, problem: { code, message, hint } }
}

function sayFlaw(flaw: JwsFlaw): string {
  switch (flaw.kind) {
    case 'too-large':
      return `The revocation list has ${flaw.bytes} bytes; it may have ${revocationListMaxBytes}.`
    case 'not-parsable':
      return `This is not a revocation list: ${flaw.why}.`
    case 'wrong-type':
      return `This is a document of type ${flaw.type}; a revocation list has type ${revocationListType}.`
    case 'algorithm-refused':
      return `The revocation list is signed with ${flaw.algorithm}; only PS256 is accepted.`
    case 'parameter-refused':
      return `The header of the revocation list carries "${flaw.parameter}"; only alg and typ are accepted.`
  }
}

/** The root whose key made the signature. The header names none: there are few, and each can be tried. */
async function findSigner(jws: Jws, roots: readonly X509Certificate[]): Promise<X509Certificate | null> {
  for (const root of roots) {
    if (await signatureHolds(jws, root.publicKey, 'PS256')) return root
  }
  return null
}

function contradictionsOf(list: RevocationList, root: X509Certificate): PayloadFlaw[] {
  return list.root === keySha256(root) ? [] : [{ path: '/root', what: 'must name the root that signed it' }]
}

/** The revoked keys of all lists, as verifyLicense wants them. */
export function revokedKeys(lists: readonly RevocationList[]): ReadonlySet<string> {
  return new Set(lists.flatMap(list => list.revoked.map(entry => entry.keySha256)))
}
