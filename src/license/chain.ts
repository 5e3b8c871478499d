import { createHash, X509Certificate } from 'node:crypto'
import { Fault, messageOf } from '../errors.ts'
import {
  type CertificateTerms,
  licenseSigningPurpose,
  readCertificateTerms,
  strongSignatureAlgorithms,
} from './certificate-terms.ts'
import { type LicenseProblem, licenseProblem } from './problems.ts'

/** Certificates in `x5c`: the issuing certificate, and at most one authority between it and the root. */
export const maxChainCertificates = 2

/** RSA keys of a chain: 3072 bits at least; the upper bound keeps a hostile key from costing seconds. */
export const minRsaBits = 3072
const maxRsaBits = 8192

export interface ChainTrust {
  trustedRoots: readonly X509Certificate[]
  /** Public keys (SHA-256 of their SubjectPublicKeyInfo, hexadecimal) whose certificates were revoked. */
  revoked: ReadonlySet<string>
}

export type ChainVerdict =
  | { ok: true; issuer: X509Certificate; root: X509Certificate }
  | { ok: false; problem: LicenseProblem }

/** A certificate with its terms, one link of a chain. */
interface Link {
  certificate: X509Certificate
  terms: CertificateTerms
}

/**
 * Verifies the `x5c` of a license: every signature up to a pinned root, who may issue, what the issuing
 * certificate may sign, that each was valid at `issuedAt`, and that none was revoked.
 *
 * `issuedAt` comes from a payload whose signature is not verified yet; null where there is none to be read.
 * That is sound: a payload without a date is refused once its schema is looked at, and the date of one
 * with a good signature is the very text that was read here.
 */
export function verifyChain(x5c: unknown, trust: ChainTrust, issuedAt: number | null): ChainVerdict {
  const links = readLinks(x5c)
  if (typeof links === 'string') return untrusted(links)
  let refusal: ChainVerdict = untrusted('none of the trusted roots signed them')
  // Several roots may fit: one and the same key under an older and a newer certificate. One that is good will do.
  for (const root of findRoots(links.at(-1)!, trust.trustedRoots)) {
    const verdict = judgeChain([...links, root], trust.revoked, issuedAt)
    if (verdict.ok) return verdict
    refusal = verdict
  }
  return refusal
}

/** `chain` goes from the issuing certificate to the root. */
function judgeChain(
  chain: readonly Link[],
  revoked: ReadonlySet<string>,
  issuedAt: number | null,
): ChainVerdict {
  const problem =
    findBrokenLink(chain) ??
    findWrongPurpose(chain[0]!) ??
    findOutOfDate(chain, issuedAt) ??
    findRevoked(chain, revoked)
  if (problem !== null) return { ok: false, problem }
  return { ok: true, issuer: chain[0]!.certificate, root: chain.at(-1)!.certificate }
}

function untrusted(why: string): { ok: false; problem: LicenseProblem } {
  return { ok: false, problem: licenseProblem('license-chain-untrusted', { why }) }
}

/** The certificates of x5c with their terms, or why they are no chain. */
function readLinks(x5c: unknown): Link[] | string {
  if (!Array.isArray(x5c) || x5c.length === 0) return 'it carries no certificate'
  if (x5c.length > maxChainCertificates) {
    return `it carries ${x5c.length} certificates, and a chain has at most ${maxChainCertificates} below the root`
  }
  if (new Set(x5c).size !== x5c.length) return 'a certificate stands in it twice'
  const links: Link[] = []
  for (const text of x5c) {
    const link = readLink(text)
    if (typeof link === 'string') return link
    // A chain that brings its own end proves nothing: roots come from the trust directory alone.
    if (link.certificate.issuer === link.certificate.subject)
      return `${nameOf(link.certificate)} is self-signed`
    links.push(link)
  }
  return links
}

function readLink(text: unknown): Link | string {
  if (typeof text !== 'string') return 'a certificate in it is not base64'
  const der = Buffer.from(text, 'base64')
  if (der.toString('base64') !== text) return 'a certificate in it is not base64'
  try {
    const certificate = new X509Certificate(der)
    // OpenSSL ignores bytes after the certificate; a second spelling of one certificate is refused.
    if (!certificate.raw.equals(der)) return 'a certificate in it is not in DER'
    return linkOf(certificate)
  } catch (error) {
    return `a certificate in it cannot be read (${messageOf(error)})`
  }
}

function linkOf(certificate: X509Certificate): Link | string {
  const terms = readCertificateTerms(certificate.raw)
  if ('flaw' in terms) return `${nameOf(certificate)} cannot be relied on: ${terms.flaw}`
  if (!strongSignatureAlgorithms.has(terms.signatureAlgorithm)) {
    return `${nameOf(certificate)} is signed by an algorithm that is not accepted`
  }
  // OpenSSL takes a time that no calendar has, and Node.js then gives a date that is none.
  if (Number.isNaN(certificate.validFromDate.getTime()) || Number.isNaN(certificate.validToDate.getTime())) {
    return `${nameOf(certificate)} does not say from when to when it is valid`
  }
  const key = certificate.publicKey
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (key.asymmetricKeyType !== 'rsa' || bits < minRsaBits || bits > maxRsaBits) {
    return `${nameOf(certificate)} does not have an RSA key of ${minRsaBits} to ${maxRsaBits} bits`
  }
  return { certificate, terms }
}

/** The pinned roots that signed the last certificate of the chain. */
function findRoots(last: Link, roots: readonly X509Certificate[]): Link[] {
  return roots
    .filter(root => root.subject === last.certificate.issuer && last.certificate.verify(root.publicKey))
    .map(linkOf)
    .filter(link => typeof link !== 'string')
}

/** Each certificate must be signed by the next, and the next must be an authority that may stand there. */
function findBrokenLink(chain: readonly Link[]): LicenseProblem | null {
  for (let index = 1; index < chain.length; index++) {
    const child = chain[index - 1]!.certificate
    const parent = chain[index]!
    if (child.issuer !== parent.certificate.subject || !child.verify(parent.certificate.publicKey)) {
      return untrusted(`${nameOf(parent.certificate)} did not sign ${nameOf(child)}`).problem
    }
    const why = whyNoAuthority(parent.terms, index - 1)
    if (why !== null)
      return licenseProblem('license-issuer-not-ca', { subject: nameOf(parent.certificate), why })
    if (!child.checkIssued(parent.certificate)) {
      return untrusted(`${nameOf(child)} names another issuer than ${nameOf(parent.certificate)}`).problem
    }
  }
  return null
}

/** `below`: the authorities between this one and the issuing certificate. */
function whyNoAuthority(terms: CertificateTerms, below: number): string | null {
  if (!terms.isAuthority) return 'it is no certificate authority (basic constraints)'
  if (terms.keyUsage === null || !terms.keyUsage.has('keyCertSign'))
    return 'it may not sign certificates (key usage)'
  if (terms.pathLength !== null && below > terms.pathLength)
    return 'more authorities stand below it than it allows (path length)'
  return null
}

/** The certificate whose key signs licenses must be made for that, and for nothing that could forge another. */
function findWrongPurpose({ certificate, terms }: Link): LicenseProblem | null {
  const name = nameOf(certificate)
  if (terms.isAuthority)
    return untrusted(`${name} is a certificate authority, which signs no licenses itself`).problem
  if (terms.keyUsage === null || !terms.keyUsage.has('digitalSignature')) {
    return untrusted(`${name} may not sign documents (key usage)`).problem
  }
  if (terms.purposes === null || !terms.purposes.includes(licenseSigningPurpose)) {
    return untrusted(`${name} is not made for signing licenses (extended key usage)`).problem
  }
  return null
}

function findOutOfDate(chain: readonly Link[], issuedAt: number | null): LicenseProblem | null {
  if (issuedAt === null) return null
  for (const { certificate } of chain) {
    const validFrom = certificate.validFromDate.getTime()
    const validTo = certificate.validToDate.getTime()
    if (issuedAt >= validFrom && issuedAt <= validTo) continue
    return licenseProblem('license-issuer-not-valid-at-issue', {
      subject: nameOf(certificate),
      validFrom,
      validTo,
      issuedAt,
    })
  }
  return null
}

function findRevoked(chain: readonly Link[], revoked: ReadonlySet<string>): LicenseProblem | null {
  for (const { certificate } of chain) {
    if (!revoked.has(keySha256(certificate))) continue
    const { serialNumber } = certificate
    return licenseProblem('license-issuer-revoked', { subject: nameOf(certificate), serialNumber })
  }
  return null
}

/**
 * What a revocation names: the public key, since a stolen key is what must stop working. A hash of the
 * whole certificate would miss another encoding of it, or another certificate for the same key.
 */
export function keySha256(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/** The common name of a certificate, or its whole subject on one line. */
export function nameOf(certificate: X509Certificate): string {
  const commonName = /^CN=(.*)$/m.exec(certificate.subject)?.[1]
  return (commonName ?? certificate.subject.replaceAll('\n', ', ')).slice(0, 200)
}

/**
 * The roots in these PEM texts, each of which may hold several. A Fault `trust-root-invalid` names the
 * text (by its name, such as a path) that holds something else: a root that cannot be used is a mistake
 * of the configuration, not something to pass over.
 */
export function readTrustedRoots(sources: readonly { name: string; pem: string }[]): X509Certificate[] {
  return sources.flatMap(({ name, pem }) => {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    if (blocks.length === 0) throw rootFault(name, 'it holds no certificate in PEM')
    return blocks.map(block => readRoot(name, block))
  })
}

function readRoot(name: string, pem: string): X509Certificate {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch (cause) {
    throw rootFault(name, `a certificate in it cannot be read (${messageOf(cause)})`, cause)
  }
  const link = linkOf(certificate)
  if (typeof link === 'string') throw rootFault(name, link)
  const why = whyNoAuthority(link.terms, 0)
  if (why !== null) throw rootFault(name, `${nameOf(certificate)} is no root: ${why}`)
  if (!certificate.verify(certificate.publicKey))
    throw rootFault(name, `${nameOf(certificate)} is no root: it is not self-signed`)
  return certificate
}

function rootFault(name: string, why: string, cause?: unknown): Fault {
  return new Fault('trust-root-invalid', `The trusted root ${name} cannot be used: ${why}.`, {
    hint: "Put the vendor's root certificate (PEM) there, then `sessiond check-config`.",
    cause,
  })
}
