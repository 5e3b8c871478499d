import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import { licenseSigningPurpose } from '../../src/license/certificate-terms.ts'

/** Certificates of every kind, right and wrong, for tests: made without the code under test. */

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

export function makeRsa(bits = 3072): KeyPair {
  return generateKeyPairSync('rsa', { modulusLength: bits })
}

export interface CertificateShape {
  subject: string
  key: KeyPair
  /** The common name and key that sign it; its own where absent: self-signed. */
  issuer?: { subject: string; key: KeyPair }
  extensions: object[]
  from?: string
  to?: string
  digest?: 'sha1' | 'sha256' | 'sha512'
}

export function makeCertificate(shape: CertificateShape): X509Certificate {
  const { subject, key, issuer = { subject, key }, extensions, digest = 'sha256' } = shape
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(
    key.publicKey.export({ type: 'spki', format: 'pem' }) as string,
  )
  certificate.serialNumber = `40${randomBytes(8).toString('hex')}`
  certificate.validity.notBefore = new Date(shape.from ?? '2026-01-01T00:00:00Z')
  certificate.validity.notAfter = new Date(shape.to ?? '2030-01-01T00:00:00Z')
  certificate.setSubject([{ name: 'commonName', value: subject }])
  certificate.setIssuer([{ name: 'commonName', value: issuer.subject }])
  // Copies: forge writes the encoded value into the objects it is given.
  certificate.setExtensions(extensions.map(extension => ({ ...extension })))
  const signer = {
    sign: () => {
      const body = Buffer.from(forge.asn1.toDer(certificate.tbsCertificate).getBytes(), 'latin1')
      return sign(digest, body, issuer.key.privateKey).toString('latin1')
    },
  }
  // OpenSSL signs in forge's place: in JavaScript each signature takes a tenth of a second.
  certificate.sign(signer as unknown as forge.pki.rsa.PrivateKey, forge.md[digest].create())
  return new X509Certificate(forge.pki.certificateToPem(certificate))
}

export const authority = { name: 'basicConstraints', critical: true, cA: true }
export const noAuthority = { name: 'basicConstraints', critical: true, cA: false }
export const signsCertificates = { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true }
export const signsDocuments = { name: 'keyUsage', critical: true, digitalSignature: true }
export const signsLicenses = extendedKeyUsage(licenseSigningPurpose)

export const rootExtensions = [authority, signsCertificates]
export const issuingExtensions = [noAuthority, signsDocuments, signsLicenses]

/** `purpose`: an object identifier in hexadecimal DER. */
export function extendedKeyUsage(purpose: string): object {
  const { asn1 } = forge
  const id = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, forge.util.hexToBytes(purpose))
  const list = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [id])
  return { id: '2.5.29.37', critical: true, value: asn1.toDer(list).getBytes() }
}

/** x5c of certificates, the issuing one first. */
export function x5cOf(...certificates: X509Certificate[]): string[] {
  return certificates.map(certificate => certificate.raw.toString('base64'))
}
