/**
 * Makes the files in test/license/fixtures anew, one for each way in which a license can be wrong:
 *
 *   npx node test/license/make-fixtures.ts
 *
 * Keys are made for the run and thrown away; dates are fixed, so the files stay good as they are.
 */
import { generateKeyPairSync, randomUUID, type X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keySha256 } from '../../src/license/chain.ts'
import type { License } from '../../src/license/document.ts'
import { createMachineRequest } from '../../src/license/machine-request.ts'
import type { LicenseProblemCode } from '../../src/license/problems.ts'
import {
  issuingExtensions,
  type KeyPair,
  makeCertificate,
  makeRsa,
  noAuthority,
  rootExtensions,
  signsDocuments,
  signsLicenses,
  x5cOf,
} from './certificate-factory.ts'
import { fixtureNow, machineFingerprint, makeLicense, otherMachineFingerprint, signJws } from './setting.ts'

const folder = join(import.meta.dirname, 'fixtures')
const rootKey = makeRsa()
const issuingKey = makeRsa()
const root = makeCertificate({
  subject: 'Fixture Root',
  key: rootKey,
  extensions: rootExtensions,
  to: '2046-01-01T00:00:00Z',
})

function issuedByRoot(subject: string, key: KeyPair, more: object = {}): X509Certificate {
  const issuer = { subject: 'Fixture Root', key: rootKey }
  return makeCertificate({ subject, key, issuer, extensions: issuingExtensions, ...more })
}

const issuing = issuedByRoot('Fixture Issuing', issuingKey)

async function sign(
  license: unknown,
  signer: { key: KeyPair; x5c: string[] } = { key: issuingKey, x5c: x5cOf(issuing) },
) {
  return signJws(license, { alg: 'PS256', typ: 'license+jws', x5c: signer.x5c }, signer.key.privateKey)
}

const signed = (changes: Partial<License>) => sign(makeLicense(changes))

/** The last character of the payload is changed, as a bad copy might. */
function damage(text: string): string {
  const end = text.lastIndexOf('.') - 1
  return `${text.slice(0, end)}${text[end] === 'Q' ? 'A' : 'Q'}${text.slice(end + 1)}`
}

async function wrongFiles(): Promise<Record<LicenseProblemCode, string>> {
  const good = await sign(makeLicense())
  const strangerRootKey = makeRsa()
  const strangerKey = makeRsa()
  const strangerIssuing = makeCertificate({
    subject: 'Fixture Issuing',
    key: strangerKey,
    issuer: { subject: 'Fixture Root', key: strangerRootKey },
    extensions: issuingExtensions,
  })
  const forgedKey = makeRsa()
  const forged = makeCertificate({
    subject: 'Forged Issuing',
    key: forgedKey,
    issuer: { subject: 'Fixture Issuing', key: issuingKey },
    extensions: [noAuthority, signsDocuments, signsLicenses],
  })
  const revokedKey = makeRsa()
  const revoked = issuedByRoot('Revoked Issuing', revokedKey)
  const revocationList = {
    schema: 1,
    root: keySha256(root),
    number: 1,
    issuedAt: '2026-11-20T08:00:00Z',
    revoked: [
      {
        keySha256: keySha256(revoked),
        serialNumber: revoked.serialNumber,
        revokedAt: '2026-11-20T08:00:00Z',
        reason: 'The key was on a stolen laptop',
      },
    ],
  }
  writeText(
    'revoked.jws',
    await signJws(revocationList, { alg: 'PS256', typ: 'revocation-list+jws' }, rootKey.privateKey),
  )
  const expiredKey = makeRsa()
  const expired = issuedByRoot('Fixture Issuing 2022', expiredKey, {
    from: '2022-01-01T00:00:00Z',
    to: '2024-01-01T00:00:00Z',
  })
  const header = { alg: 'PS256', typ: 'license+jws', x5c: x5cOf(issuing) }
  return {
    'license-too-large': await signed({ customer: { id: 'acme', name: 'A'.repeat(48_500) } }),
    'license-not-parsable': '{"maxSessions": 1000000}',
    'license-wrong-type': await machineRequest(),
    'license-algorithm-refused': await signJws(
      makeLicense(),
      { ...header, alg: 'RS256' },
      issuingKey.privateKey,
    ),
    'license-key-source-refused': await signJws(
      makeLicense(),
      { ...header, jku: 'https://attacker.example/keys.json' },
      issuingKey.privateKey,
    ),
    'license-chain-untrusted': await sign(makeLicense(), { key: strangerKey, x5c: x5cOf(strangerIssuing) }),
    'license-issuer-not-ca': await sign(makeLicense(), { key: forgedKey, x5c: x5cOf(forged, issuing) }),
    'license-issuer-not-valid-at-issue': await sign(makeLicense(), { key: expiredKey, x5c: x5cOf(expired) }),
    'license-issuer-revoked': await sign(makeLicense(), { key: revokedKey, x5c: x5cOf(revoked) }),
    'license-signature-invalid': damage(good),
    'license-schema-too-new': await sign({ ...makeLicense(), schema: 2 }),
    'license-payload-invalid': await sign({ ...makeLicense(), maxSessions: 'unlimited' }),
    'license-other-product': await signed({ product: 'studio', maxSessions: 0, seats: 1 }),
    'license-other-version': await signed({ versions: { from: '4.0', to: '4.x' } }),
    'license-other-machine': await signed({ fingerprint: otherMachineFingerprint }),
    'license-other-machine-key': await signed({ cnf: { jkt: 'A'.repeat(43) } }),
    'license-superseded': await signed({ generation: 1 }),
    'license-not-yet-valid': await signed({ notBefore: '2027-01-01T00:00:00Z' }),
    'license-expired': await signed({ expiresAt: '2026-11-09T23:59:59Z' }),
  }
}

async function machineRequest(): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return createMachineRequest(
    {
      product: 'call-services',
      version: '5.1.0',
      installationId: null,
      generation: 0,
      sessions: 100,
      fingerprint: machineFingerprint,
      hostname: 'calls-1.acme.example',
      deactivationOf: null,
    },
    { privateKey, requestId: randomUUID(), now: fixtureNow },
  )
}

function writeText(name: string, text: string): void {
  writeFileSync(join(folder, name), `${text.trim()}\n`)
}

mkdirSync(folder, { recursive: true })
writeText('root.pem', root.toString())
writeText('valid.license', await sign(makeLicense()))
writeText('in-grace.license', await signed({ expiresAt: '2026-11-10T23:59:59Z' }))
writeText('deactivated.license', await signed({ deactivated: true, maxSessions: 0, generation: 4 }))
writeText(
  'demonstration.license',
  await signed({ demonstration: true, fingerprint: null, maxSessions: 10, expiresAt: null }),
)
for (const [code, text] of Object.entries(await wrongFiles())) writeText(`${code}.license`, text)
