import { generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'
import { Fault } from '../errors.ts'
import { licenseSigningPurpose } from '../license/certificate-terms.ts'
import { minRsaBits, nameOf } from '../license/chain.ts'
import { sayInstant } from '../license/instant.ts'

/** A certificate and the private key that belongs to it. */
export interface CertifiedKey {
  certificate: X509Certificate
  privateKey: KeyObject
}

export interface RootOptions {
  /** The vendor's name, shown in the certificates: `Example Telephony`. */
  organization: string
  /** Milliseconds since the epoch. */
  now: number
  /** How long the root is valid. Default 20. */
  years?: number
  /** RSA. Default 4096: the root outlives several issuing certificates. */
  bits?: number
}

export interface IssuingOptions {
  root: CertifiedKey
  now: number
  /** How long licenses can be signed with it, default 2; never longer than the root is valid. */
  years?: number
  /** RSA. Default 3072. */
  bits?: number
}

const yearMs = 365.25 * 86_400_000

/**
 * Makes a root: a self-signed authority that signs issuing certificates and revocation lists, never licenses.
 * Room is left for one authority between it and the issuing certificate (path length 1).
 */
export async function makeRoot(options: RootOptions): Promise<CertifiedKey> {
  const { organization, now, years = 20, bits = 4096 } = options
  checkOrganization(organization)
  const keys = await makeKeys(bits)
  const name = nameFields(organization, 'License Root')
  return certify({
    publicKey: keys.publicKey,
    privateKey: keys.privateKey,
    subject: name,
    issuer: name,
    signer: keys.privateKey,
    signerKey: keys.publicKey,
    validFrom: now,
    validTo: now + years * yearMs,
    terms: [
      { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 1 },
      { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    ],
  })
}

/**
 * Makes an issuing certificate with a key of its own. It may sign licenses and nothing else. A Fault
 * `root-certificate-expired` where the root is not valid at `now`.
 */
export async function makeIssuing(options: IssuingOptions): Promise<CertifiedKey> {
  const { root, now, years = 2, bits = 3072 } = options
  const rootEnd = root.certificate.validToDate.getTime()
  if (now >= rootEnd) {
    throw new Fault('root-certificate-expired', `The root certificate expired on ${sayInstant(rootEnd)}.`, {
      hint: 'Make a new root with `licensing-server init` in another directory, and give it to every machine.',
    })
  }
  const keys = await makeKeys(bits)
  const issuer = subjectOf(root.certificate)
  return certify({
    publicKey: keys.publicKey,
    privateKey: keys.privateKey,
    subject: nameFields(organizationOf(root.certificate), 'License Issuing'),
    issuer,
    signer: root.privateKey,
    signerKey: root.certificate.publicKey,
    validFrom: now,
    validTo: Math.min(now + years * yearMs, rootEnd),
    terms: [
      { name: 'basicConstraints', critical: true, cA: false },
      { name: 'keyUsage', critical: true, digitalSignature: true },
      licenseSigningExtension(),
    ],
  })
}

/** X.520 gives a common name 64 characters, of which the role takes some. */
const maxOrganizationLength = 40

function checkOrganization(organization: string): void {
  const length = [...organization].length
  if (length >= 1 && length <= maxOrganizationLength && !/\p{Cc}/u.test(organization)) return
  throw new Fault(
    'organization-invalid',
    `The organization must have 1 to ${maxOrganizationLength} printable characters.`,
    {
      hint: "Give the vendor's name: `licensing-server init --organization NAME`.",
    },
  )
}

/** What a certificate says and who signs it. */
interface CertificatePlan {
  publicKey: KeyObject
  privateKey: KeyObject
  subject: NameField[]
  issuer: NameField[]
  signer: KeyObject
  signerKey: KeyObject
  /** Milliseconds since the epoch; certificates hold whole seconds. */
  validFrom: number
  validTo: number
  terms: object[]
}

type NameField = forge.pki.CertificateField

function certify(plan: CertificatePlan): CertifiedKey {
  const certificate = forge.pki.createCertificate()
  const signerKey = toForgePublic(plan.signerKey)
  certificate.publicKey = toForgePublic(plan.publicKey)
  certificate.serialNumber = randomSerialNumber()
  certificate.validity.notBefore = new Date(plan.validFrom)
  certificate.validity.notAfter = new Date(plan.validTo)
  certificate.setSubject(plan.subject)
  certificate.setIssuer(plan.issuer)
  certificate.setExtensions([
    ...plan.terms,
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: keyIdentifierOf(signerKey) },
  ])
  certificate.sign(openSslSigner(certificate, plan.signer), forge.md.sha256.create())
  return {
    certificate: new X509Certificate(forge.pki.certificateToPem(certificate)),
    privateKey: plan.privateKey,
  }
}

/** Signs in forge's place, so that no private key ever enters it: forge only writes the certificate down. */
function openSslSigner(certificate: forge.pki.Certificate, key: KeyObject): forge.pki.rsa.PrivateKey {
  const signer = {
    sign: () => {
      const body = Buffer.from(forge.asn1.toDer(certificate.tbsCertificate).getBytes(), 'latin1')
      return sign('sha256', body, key).toString('latin1')
    },
  }
  return signer as unknown as forge.pki.rsa.PrivateKey
}

/** Keys come from OpenSSL: forge's own generation takes seconds, in JavaScript. */
async function makeKeys(bits: number): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  if (bits < minRsaBits)
    throw new Fault('key-too-short', `An RSA key has ${minRsaBits} bits at least, not ${bits}.`)
  return promisify(generateKeyPair)('rsa', { modulusLength: bits, publicExponent: 0x10001 })
}

function toForgePublic(key: KeyObject): forge.pki.rsa.PublicKey {
  return forge.pki.publicKeyFromPem(key.export({ type: 'spki', format: 'pem' }) as string)
}

function keyIdentifierOf(key: forge.pki.rsa.PublicKey): string {
  return forge.pki.getPublicKeyFingerprint(key, { type: 'RSAPublicKey' }).getBytes()
}

/** 126 random bits with the highest clear and the next set: positive, and of the same length always. */
function randomSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}

function nameFields(organization: string, role: string): NameField[] {
  const field = (name: string, value: string) => ({ name, value, valueTagClass: forge.asn1.Type.UTF8 })
  return [
    field('organizationName', organization),
    field('commonName', `${organization} ${role}`),
  ] as unknown as NameField[]
}

/** The vendor's name in a root; its common name where another program made it without one. */
function organizationOf(root: X509Certificate): string {
  return /^O=(.*)$/m.exec(root.subject)?.[1] ?? nameOf(root)
}

/** The subject of a certificate as forge writes it again: it keeps parsed UTF-8 encoded and would encode it twice. */
function subjectOf(certificate: X509Certificate): NameField[] {
  return forge.pki.certificateFromPem(certificate.toString()).subject.attributes.map(field => ({
    ...field,
    value: forge.util.decodeUtf8(String(field.value)),
  }))
}

/** ExtKeyUsageSyntax ::= SEQUENCE OF OBJECT IDENTIFIER. Forge cannot encode an identifier with so large an arc. */
function licenseSigningExtension(): object {
  const { asn1 } = forge
  const purpose = asn1.create(
    asn1.Class.UNIVERSAL,
    asn1.Type.OID,
    false,
    forge.util.hexToBytes(licenseSigningPurpose),
  )
  const list = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [purpose])
  return { id: '2.5.29.37', critical: true, value: asn1.toDer(list).getBytes() }
}
