import { constants, createPublicKey, type KeyLike, type SignKeyObjectInput, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { Fault } from '../errors.ts'
import { type License, licenseType, readLicensePayload } from '../license/document.ts'
import { sayFlaws } from '../license/fields.ts'
import { type Issuer, issuingFault, whyNotValid } from './authority-files.ts'

/**
 * Signs a license with the issuing key: one line, JWS compact serialization. Faults: `license-terms-invalid`
 * where it breaks the schema that the daemon will hold it against, `issuing-certificate-invalid` where the
 * certificate is not valid at its `issuedAt`. Neither may leave the house. `text`: the license as JSON, for whoever has
 * written it already.
 */
export async function signLicense(
  license: License,
  issuer: Issuer,
  text = JSON.stringify(license),
): Promise<string> {
  const reading = readLicensePayload(license)
  if (!reading.ok) {
    const what = 'flaws' in reading ? sayFlaws(reading.flaws) : `schema ${reading.schemaTooNew} is not known`
    throw new Fault('license-terms-invalid', `No license can be signed for these terms: ${what}.`)
  }
  const why = whyNotValid(issuer.chain[0], Date.parse(license.issuedAt))
  if (why !== null) throw issuingFault(issuer.chain[0].subject.replaceAll('\n', ', '), why)
  const signed = `${headerOf(issuer)}.${Buffer.from(text).toString('base64url')}`
  const signature = await signInPool('sha256', Buffer.from(signed), signingKeyOf(issuer))
  return `${signed}.${signature.toString('base64url')}`
}

/** In the thread pool: a signature takes longer than everything else together, and others go on meanwhile. */
const signInPool = promisify(
  (
    algorithm: string,
    text: Buffer,
    key: KeyLike | SignKeyObjectInput,
    done: (error: Error | null, it: Buffer) => void,
  ) => sign(algorithm, text, key, done),
)

/** PS256: RFC 7518, 3.5. By node:crypto, since the way through Web Crypto costs an eighth more. */
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const

const signingKeys = new WeakMap<Issuer, KeyLike | SignKeyObjectInput>()

/**
 * What is handed to node:crypto to sign by PS256: the key with the options on it. An object that holds key and options
 * is told from a key by two exceptions, which cost as much as the way to the thread pool and back. That Node takes
 * the options from there is tried once for each key, since a signature of another kind would be worth nothing.
 */
function signingKeyOf(issuer: Issuer): KeyLike | SignKeyObjectInput {
  const known = signingKeys.get(issuer)
  if (known !== undefined) return known
  const { privateKey } = issuer
  const [explicit, short] = [{ key: privateKey, ...pss }, Object.assign(privateKey, pss)]
  const sample = Buffer.from('PS256')
  const isTaken = verify(
    'sha256',
    sample,
    { key: createPublicKey(privateKey), ...pss },
    sign('sha256', sample, short),
  )
  const key = isTaken ? short : explicit
  signingKeys.set(issuer, key)
  return key
}

/** The protected header of all licenses of one issuer, as it stands in them. */
const headers = new WeakMap<Issuer, string>()

function headerOf(issuer: Issuer): string {
  const known = headers.get(issuer)
  if (known !== undefined) return known
  const fields = { alg: 'PS256', typ: licenseType, x5c: issuer.chain.map(toX5c) }
  const header = Buffer.from(JSON.stringify(fields)).toString('base64url')
  headers.set(issuer, header)
  return header
}

/** RFC 7515, 4.1.6: DER in base64, not base64url. */
function toX5c(certificate: { raw: Buffer }): string {
  return certificate.raw.toString('base64')
}
