import { CompactSign } from 'jose'
import { Fault } from '../errors.ts'
import { type License, licenseType, readLicensePayload } from '../license/document.ts'
import { sayFlaws } from '../license/fields.ts'
import { type Issuer, issuingFault, whyNotValid } from './authority-files.ts'

/**
 * Signs a license with the issuing key: one line, JWS compact serialization. Faults: `license-terms-invalid`
 * where it breaks the schema that the daemon will hold it against, `issuing-certificate-invalid` where the
 * certificate is not valid at its `issuedAt`. Neither may leave the house.
 */
export async function signLicense(license: License, issuer: Issuer): Promise<string> {
  const reading = readLicensePayload(license)
  if (!reading.ok) {
    const what = 'flaws' in reading ? sayFlaws(reading.flaws) : `schema ${reading.schemaTooNew} is not known`
    throw new Fault('license-terms-invalid', `No license can be signed for these terms: ${what}.`)
  }
  const why = whyNotValid(issuer.chain[0], Date.parse(license.issuedAt))
  if (why !== null) throw issuingFault(issuer.chain[0].subject.replaceAll('\n', ', '), why)
  return new CompactSign(Buffer.from(JSON.stringify(license)))
    .setProtectedHeader({ alg: 'PS256', typ: licenseType, x5c: issuer.chain.map(toX5c) })
    .sign(issuer.privateKey)
}

/** RFC 7515, 4.1.6: DER in base64, not base64url. */
function toX5c(certificate: { raw: Buffer }): string {
  return certificate.raw.toString('base64')
}
