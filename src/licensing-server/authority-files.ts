import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import { sayInstant } from '../license/instant.ts'
import { type CertifiedKey, makeIssuing, makeRoot } from './certificates.ts'

/**
 * The certificates of a licensing server on disk:
 *
 *   root/root.key, root/root.pem        the root; take the folder offline once the issuing certificate is made
 *   issuing/issuing.key, issuing.pem    what licenses are signed with; issuing.pem may go on with an authority
 *   issuing/previous/SERIAL.pem         issuing certificates of before, so that one can be revoked by its file
 *   trust/root.pem, trust/revoked.jws   what every machine is given; no secret
 *
 * Keys have mode 0600 in folders of mode 0700.
 */
export const authorityPaths = {
  rootKey: 'root/root.key',
  rootCertificate: 'root/root.pem',
  issuingKey: 'issuing/issuing.key',
  issuingCertificate: 'issuing/issuing.pem',
  previous: 'issuing/previous',
  trustedRoot: 'trust/root.pem',
  revocationList: 'trust/revoked.jws',
} as const

/** What signs licenses: the issuing key, and the certificates that go into `x5c`, the issuing one first. */
export interface Issuer {
  privateKey: KeyObject
  chain: readonly [X509Certificate, ...X509Certificate[]]
}

export interface AuthorityOptions {
  organization: string
  now: number
  rootYears?: number
  rootBits?: number
  issuingYears?: number
  issuingBits?: number
}

/**
 * Makes root and issuing certificate under `directory`. A Fault `authority-exists` where there is one:
 * a root is never overwritten, since every license in the field hangs on it.
 */
export async function initAuthority(directory: string, options: AuthorityOptions): Promise<Issuer> {
  for (const path of [
    authorityPaths.rootCertificate,
    authorityPaths.trustedRoot,
    authorityPaths.issuingCertificate,
  ]) {
    if (!existsSync(join(directory, path))) continue
    throw new Fault('authority-exists', `There is a licensing authority in ${directory} already: ${path}.`, {
      hint: 'Renew its issuing certificate with `licensing-server renew-issuing`, or name another directory.',
    })
  }
  const { organization, now, rootYears, rootBits, issuingYears, issuingBits } = options
  const root = await makeRoot({ organization, now, ...given({ years: rootYears, bits: rootBits }) })
  const issuing = await makeIssuing({ root, now, ...given({ years: issuingYears, bits: issuingBits }) })
  makeFolders(directory)
  // The issuing certificate last: until it is there, `readIssuer` says that `init` did not finish.
  writeFile(join(directory, authorityPaths.rootKey), pemOfKey(root.privateKey), 0o600)
  writeFile(join(directory, authorityPaths.rootCertificate), root.certificate.toString(), 0o644)
  writeFile(join(directory, authorityPaths.trustedRoot), root.certificate.toString(), 0o644)
  writeIssuing(directory, issuing)
  return { privateKey: issuing.privateKey, chain: [issuing.certificate] }
}

/**
 * Makes a new issuing certificate under the same root and files the old one under previous. Its key is
 * deleted. Licenses that it signed stay good. Needs the root folder back in its place.
 */
export async function renewIssuing(
  directory: string,
  options: { now: number; issuingYears?: number; issuingBits?: number },
): Promise<Issuer> {
  const { now, issuingYears, issuingBits } = options
  const root = readRoot(directory)
  const old = readCertificates(join(directory, authorityPaths.issuingCertificate))[0]
  const issuing = await makeIssuing({ root, now, ...given({ years: issuingYears, bits: issuingBits }) })
  makeFolders(directory)
  writeFile(join(directory, authorityPaths.previous, `${old.serialNumber}.pem`), old.toString(), 0o644)
  writeIssuing(directory, issuing)
  return { privateKey: issuing.privateKey, chain: [issuing.certificate] }
}

/** The root with its key. A Fault `root-unavailable` where it is offline, as it should be most of the time. */
export function readRoot(directory: string): CertifiedKey {
  const keyPath = join(directory, authorityPaths.rootKey)
  if (!existsSync(keyPath)) {
    throw new Fault('root-unavailable', `The root key is not at ${keyPath}.`, {
      hint: `Bring the folder root back from where it is kept (${join(directory, 'root')}), and take it away again afterwards.`,
    })
  }
  const [certificate] = readCertificates(join(directory, authorityPaths.rootCertificate))
  return { certificate, privateKey: readKey(keyPath, certificate) }
}

/**
 * What this server signs licenses with. A Fault `issuing-certificate-invalid` where it is missing, damaged,
 * has another key, or is not valid at `now`.
 */
export function readIssuer(directory: string, now: number): Issuer {
  const path = join(directory, authorityPaths.issuingCertificate)
  const chain = readCertificates(path)
  const privateKey = readKey(join(directory, authorityPaths.issuingKey), chain[0])
  const why = whyNotValid(chain[0], now)
  if (why !== null) throw issuingFault(path, why)
  return { privateKey, chain }
}

/** Why the certificate cannot sign at `now`; null where it can. */
export function whyNotValid(certificate: X509Certificate, now: number): string | null {
  const validFrom = certificate.validFromDate.getTime()
  const validTo = certificate.validToDate.getTime()
  if (now < validFrom) return `it is valid from ${sayInstant(validFrom)}, and it is ${sayInstant(now)}`
  if (now > validTo) return `it expired on ${sayInstant(validTo)}`
  return null
}

export function issuingFault(path: string, why: string, cause?: unknown): Fault {
  return new Fault('issuing-certificate-invalid', `The certificate ${path} cannot sign: ${why}.`, {
    hint: 'Make a new one under the same root: `licensing-server renew-issuing`. For a new server: `licensing-server init`.',
    cause,
  })
}

function readCertificates(path: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const blocks =
      readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    const [first, ...others] = blocks.map(block => new X509Certificate(block))
    if (first !== undefined) return [first, ...others]
  } catch (cause) {
    throw issuingFault(path, messageOf(cause), cause)
  }
  throw issuingFault(path, 'it holds no certificate in PEM')
}

/** The key must be that of the certificate: after a renewal that was cut short, it may not be. */
function readKey(path: string, certificate: X509Certificate): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(readFileSync(path))
  } catch (cause) {
    throw issuingFault(path, messageOf(cause), cause)
  }
  if (!certificate.checkPrivateKey(key)) throw issuingFault(path, 'it is the key of another certificate')
  return key
}

function makeFolders(directory: string): void {
  mkdirSync(join(directory, 'root'), { recursive: true, mode: 0o700 })
  mkdirSync(join(directory, authorityPaths.previous), { recursive: true, mode: 0o700 })
  mkdirSync(join(directory, 'trust'), { recursive: true, mode: 0o755 })
}

function writeIssuing(directory: string, issuing: CertifiedKey): void {
  writeFile(join(directory, authorityPaths.issuingKey), pemOfKey(issuing.privateKey), 0o600)
  writeFile(join(directory, authorityPaths.issuingCertificate), issuing.certificate.toString(), 0o644)
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** Writes beside, syncs, and renames into place: a reader finds the old file or the new one, whole. */
export function writeFile(path: string, text: string, mode: number): void {
  const temporary = `${path}.${process.pid}`
  rmSync(temporary, { force: true })
  const descriptor = openSync(temporary, 'wx', mode)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, path)
}

/** Only what was given, so that defaults stand where nothing was. */
function given(options: { years: number | undefined; bits: number | undefined }): {
  years?: number
  bits?: number
} {
  const { years, bits } = options
  return { ...(years === undefined ? {} : { years }), ...(bits === undefined ? {} : { bits }) }
}
