import { messageOf } from '../errors.ts'
import { DerFlaw, derTag, readDer, readDerList, readDerWhole } from './der.ts'

/**
 * What a certificate may be used for. `X509Certificate` of node:crypto shows neither the key usage
 * (its `keyUsage` is the *extended* key usage) nor the path length, and does not say whether a critical
 * extension was left unread; so these few fields are read here, from the same bytes.
 */
export interface CertificateTerms {
  /** The algorithm by which the certificate itself is signed, as an object identifier in hexadecimal DER. */
  signatureAlgorithm: string
  isAuthority: boolean
  /** How many more authorities may stand below this one; null where it does not say. */
  pathLength: number | null
  /** Null where the certificate does not restrict its use. */
  keyUsage: ReadonlySet<KeyUsage> | null
  /** Object identifiers in hexadecimal DER. Null where the certificate does not restrict its purpose. */
  purposes: readonly string[] | null
}

/** In the order of their bits (RFC 5280, 4.2.1.3). */
const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof keyUsages)[number]

/**
 * The purpose (extended key usage) of a certificate that may sign licenses, so that no other certificate
 * under the same root, a web server's say, can: 2.25.172043428733338697664610683872039501237, an
 * identifier made from a random UUID as ITU-T X.667 provides.
 */
export const licenseSigningPurpose = '698282eeadfbdb8bb290bf939f919582afe5fb35'

/** RSA PKCS #1 v1.5 with SHA-256, SHA-384, SHA-512. */
export const strongSignatureAlgorithms: ReadonlySet<string> = new Set([
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
])

const oid = { keyUsage: '551d0f', basicConstraints: '551d13', extendedKeyUsage: '551d25' } as const

/** The terms of a certificate in DER, or why they cannot be relied on. */
export function readCertificateTerms(der: Uint8Array): CertificateTerms | { flaw: string } {
  try {
    return readTerms(der)
  } catch (error) {
    // Whatever cannot be read is refused: a certificate is believed only where all of it was understood.
    return { flaw: messageOf(error) }
  }
}

function readTerms(der: Uint8Array): CertificateTerms {
  const [body, algorithm] = readDerList(readDerWhole(der, derTag.sequence).content)
  const fields = readDerList(body?.content ?? new Uint8Array())
  const terms: CertificateTerms = {
    signatureAlgorithm: hex(readDer(algorithm?.content ?? new Uint8Array(), 0).content),
    isAuthority: false,
    pathLength: null,
    keyUsage: null,
    purposes: null,
  }
  const extensions = fields.find(field => field.tag === derTag.extensions)
  if (extensions === undefined) return terms
  const seen = new Set<string>()
  for (const extension of readDerList(readDerWhole(extensions.content, derTag.sequence).content)) {
    const id = applyExtension(extension.content, terms)
    if (seen.has(id)) throw new DerFlaw('an extension stands in it twice')
    seen.add(id)
  }
  return terms
}

/** Extension ::= SEQUENCE { id, critical BOOLEAN DEFAULT FALSE, value OCTET STRING } */
function applyExtension(content: Uint8Array, terms: CertificateTerms): string {
  const parts = readDerList(content)
  const id = hex(parts[0]?.content ?? new Uint8Array())
  const value = parts.at(-1)
  if (parts.length < 2 || value?.tag !== derTag.octetString) throw new DerFlaw('an extension has no value')
  if (id === oid.basicConstraints) Object.assign(terms, readBasicConstraints(value.content))
  else if (id === oid.keyUsage) terms.keyUsage = readKeyUsage(value.content)
  else if (id === oid.extendedKeyUsage) terms.purposes = readPurposes(value.content)
  else if (parts.length === 3) throw new DerFlaw('a critical extension in it is unknown')
  return id
}

/** BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL } */
function readBasicConstraints(value: Uint8Array): Pick<CertificateTerms, 'isAuthority' | 'pathLength'> {
  const fields = readDerList(readDerWhole(value, derTag.sequence).content)
  const authority = fields.find(field => field.tag === derTag.boolean)
  const pathLength = fields.find(field => field.tag === derTag.integer)
  if (pathLength !== undefined && pathLength.content.length !== 1)
    throw new DerFlaw('a path length is absurd')
  return { isAuthority: authority?.content[0] === 0xff, pathLength: pathLength?.content[0] ?? null }
}

/** A BIT STRING: the number of unused bits, then the bits, the first of them the highest. */
function readKeyUsage(value: Uint8Array): ReadonlySet<KeyUsage> {
  const bits = readDerWhole(value, derTag.bitString).content.subarray(1)
  return new Set(keyUsages.filter((_, index) => ((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0))
}

function readPurposes(value: Uint8Array): string[] {
  return readDerList(readDerWhole(value, derTag.sequence).content).map(purpose => hex(purpose.content))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
