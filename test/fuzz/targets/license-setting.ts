import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrustedRoots } from '../../../src/license/chain.ts'
import type { VerifyContext } from '../../../src/license/verify.ts'
import { readIssuer } from '../../../src/licensing-server/authority-files.ts'
import { fixtureNow, machineFingerprint, machineJkt, makeLicense } from '../../license/setting.ts'
import { authorityFolder } from '../../support/site.ts'
import { base64url, type Signed, signText } from './signer.ts'

/** The vendor of the tests, whose keys are at hand. */
export const issuer = readIssuer(authorityFolder, fixtureNow)
export const issuingDer = issuer.chain[0].raw
export const rootPem = readFileSync(join(authorityFolder, 'trust/root.pem'), 'utf8')
export const rootKeyPem = readFileSync(join(authorityFolder, 'root/root.key'), 'utf8')
export const trustedRoots = readTrustedRoots([{ name: 'root.pem', pem: rootPem }])

export const verifyContext: VerifyContext = {
  trustedRoots,
  revoked: new Set(),
  product: 'call-services',
  version: '5.1.0',
  fingerprint: machineFingerprint,
  machineJkt,
  now: fixtureNow,
}

/** A license that is good in that context, issued within the validity of the vendor's certificates. */
export function goodLicense(): Signed {
  const header = {
    alg: 'PS256',
    typ: 'license+jws',
    x5c: issuer.chain.map(({ raw }) => raw.toString('base64')),
  }
  const payload = makeLicense({ issuedAt: '2026-11-24T11:00:00Z' })
  return signed(header, payload)
}

function signed(header: Signed['header'], payload: object): Signed {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}`
  return { header, payload, text: `${input}.${base64url(signText(input, issuer.privateKey, 'PS256'))}` }
}
