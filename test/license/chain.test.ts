import { X509Certificate } from 'node:crypto'
import { test } from 'tap'
import { type ChainTrust, keySha256, nameOf, readTrustedRoots, verifyChain } from '../../src/license/chain.ts'
import {
  authority,
  type CertificateShape,
  extendedKeyUsage,
  issuingExtensions,
  makeCertificate,
  makeRsa,
  noAuthority,
  rootExtensions,
  signsCertificates,
  signsDocuments,
  signsLicenses,
  x5cOf,
} from './certificate-factory.ts'

const rootKey = makeRsa()
const middleKey = makeRsa()
const issuingKey = makeRsa()
const otherKey = makeRsa()
const byRoot = { subject: 'Root', key: rootKey }
const byMiddle = { subject: 'Middle', key: middleKey }

const makeRoot = (shape: Partial<CertificateShape> = {}) =>
  makeCertificate({ subject: 'Root', key: rootKey, extensions: rootExtensions, ...shape })
const makeMiddle = (shape: Partial<CertificateShape> = {}) =>
  makeCertificate({ subject: 'Middle', key: middleKey, issuer: byRoot, extensions: rootExtensions, ...shape })
const makeIssuing = (shape: Partial<CertificateShape> = {}) =>
  makeCertificate({
    subject: 'Issuing',
    key: issuingKey,
    issuer: byRoot,
    extensions: issuingExtensions,
    ...shape,
  })

const root = makeRoot()
const middle = makeMiddle()
const issuing = makeIssuing()
const deepIssuing = makeIssuing({ issuer: byMiddle })
const issuedAt = Date.parse('2026-11-01T09:30:00Z')

function judge(x5c: unknown, trust: Partial<ChainTrust> = {}, at: number | null = issuedAt) {
  const verdict = verifyChain(x5c, { trustedRoots: [root], revoked: new Set(), ...trust }, at)
  return verdict.ok ? 'trusted' : `${verdict.problem.code}: ${verdict.problem.message}`
}

test('chains that are good', async t => {
  t.equal(judge(x5cOf(issuing)), 'trusted')
  t.equal(judge(x5cOf(deepIssuing, middle)), 'trusted', 'with an authority in between')
  const twin = makeRoot({ key: otherKey })
  t.equal(judge(x5cOf(issuing), { trustedRoots: [twin, root] }), 'trusted', 'two roots of one name')
  t.equal(judge(x5cOf(issuing), {}, null), 'trusted', 'dates wait for the payload')
  const sha512 = makeIssuing({ digest: 'sha512' })
  t.equal(judge(x5cOf(sha512)), 'trusted')
  const verdict = verifyChain(x5cOf(issuing), { trustedRoots: [root], revoked: new Set() }, issuedAt)
  t.ok(verdict.ok && verdict.issuer.raw.equals(issuing.raw) && verdict.root.raw.equals(root.raw))
})

test('x5c that is no chain', async t => {
  const untrusted = (x5c: unknown, why: RegExp) => {
    const result = judge(x5c)
    t.match(result, /^license-chain-untrusted: /, String(why))
    t.match(result, why)
  }
  untrusted(undefined, /carries no certificate/)
  untrusted('MIIB', /carries no certificate/)
  untrusted([], /carries no certificate/)
  untrusted([7], /not base64/)
  untrusted([x5cOf(issuing)[0]!.replace(/=*$/, ' ')], /not base64/)
  untrusted([issuing.raw.toString('base64url')], /not base64/)
  untrusted([Buffer.from('hello').toString('base64')], /cannot be read/)
  untrusted([Buffer.concat([issuing.raw, Buffer.from('tail')]).toString('base64')], /not in DER/)
  untrusted(x5cOf(issuing, issuing), /twice/)
  untrusted(x5cOf(deepIssuing, middle, root), /carries 3 certificates/)
  untrusted(x5cOf(deepIssuing), /none of the trusted roots/)
  untrusted(x5cOf(middle, deepIssuing), /none of the trusted roots/)
  untrusted(x5cOf(issuing, middle), /Middle did not sign Issuing/)
})

test('a chain that brings its own root', async t => {
  const ownRoot = makeRoot({ key: otherKey })
  const own = makeIssuing({ issuer: { subject: 'Root', key: otherKey } })
  t.match(judge(x5cOf(own, ownRoot)), /untrusted.*Root is self-signed/)
  t.match(judge(x5cOf(own)), /untrusted.*none of the trusted roots/)
  t.match(
    judge(x5cOf(issuing, root)),
    /untrusted.*Root is self-signed/,
    'even the pinned one has no place in it',
  )
  t.match(
    judge(x5cOf(makeIssuing({ issuer: { subject: 'Issuing', key: issuingKey } }))),
    /untrusted.*Issuing is self-signed/,
  )
})

test('who may issue', async t => {
  const notCa = (result: string, why: RegExp) => {
    t.match(result, /^license-issuer-not-ca: /, String(why))
    t.match(result, why)
  }
  const forged = makeIssuing({
    subject: 'Forged',
    key: otherKey,
    issuer: { subject: 'Issuing', key: issuingKey },
  })
  notCa(judge(x5cOf(forged, issuing)), /"Issuing" issued another one.*no certificate authority/)
  const silent = makeMiddle({ extensions: [] })
  notCa(judge(x5cOf(deepIssuing, silent)), /no certificate authority/)
  const anyUse = makeMiddle({ extensions: [authority] })
  notCa(judge(x5cOf(deepIssuing, anyUse)), /may not sign certificates/)
  const documentsOnly = makeMiddle({ extensions: [authority, signsDocuments] })
  notCa(judge(x5cOf(deepIssuing, documentsOnly)), /may not sign certificates/)
  const flatRoot = makeRoot({ extensions: [{ ...authority, pathLenConstraint: 0 }, signsCertificates] })
  notCa(judge(x5cOf(deepIssuing, middle), { trustedRoots: [flatRoot] }), /path length/)
  t.equal(judge(x5cOf(issuing), { trustedRoots: [flatRoot] }), 'trusted')
  const powerlessRoot = makeRoot({ extensions: [noAuthority, signsDocuments] })
  notCa(judge(x5cOf(issuing), { trustedRoots: [powerlessRoot] }), /"Root" issued another one/)
})

test('who may sign licenses', async t => {
  const untrusted = (extensions: object[], why: RegExp) => {
    const result = judge(x5cOf(makeIssuing({ extensions })))
    t.match(result, /^license-chain-untrusted: /)
    t.match(result, why)
  }
  untrusted(rootExtensions, /certificate authority, which signs no licenses/)
  untrusted([noAuthority, signsLicenses], /may not sign documents/)
  untrusted([noAuthority, signsCertificates, signsLicenses], /may not sign documents/)
  untrusted([noAuthority, signsDocuments], /not made for signing licenses/)
  const webServer = extendedKeyUsage('2b06010505070301')
  untrusted([noAuthority, signsDocuments, webServer], /not made for signing licenses/)
  const unknown = { id: '1.2.3.4', critical: true, value: '\x05\x00' }
  untrusted([...issuingExtensions, unknown], /critical extension in it is unknown/)
  t.equal(
    judge(x5cOf(makeIssuing({ extensions: [...issuingExtensions, { ...unknown, critical: false }] }))),
    'trusted',
  )
})

/** Made with openssl, since forge makes RSA only: a key on P-256, signed by an RSA key that was thrown away. */
const elliptic = new X509Certificate(`-----BEGIN CERTIFICATE-----
MIICXTCBxgIUWGAQo9ma6objroqFEn8MHSVjCq0wDQYJKoZIhvcNAQELBQAwDzEN
MAsGA1UEAwwEUm9vdDAeFw0yNjExMjQwMjUyMjdaFw0zNTAyMTAwMjUyMjdaMBMx
ETAPBgNVBAMMCEVsbGlwdGljMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEj6hE
thpO3w7bMs3T7f2yPEvWaI5dIte/Rbkf393tPQvqjgXlQZjqFMa6yLl3PeMI27A5
YdcBhdYfXT8NLC+9yTANBgkqhkiG9w0BAQsFAAOCAYEAWTyPgCgcccPIAPIv1MZy
9ZJnMm9G2f7/4tP3f5yn9MyH02+foaDXwxgmRqXFFJUDzjWDs1ogp+/oSA4yXCGG
hgAwldpUCsrDxOP9lXZQLHlGbhKbng1GLUBIC0fFdw15qAi36kwuOSDsVEk9lK2U
+DZc1nDo9eVienYxFV3fymtKJb1VrNc1TkKcO/HOar8rTRR6cfWivy47EhXiWP/m
devnp57urh10LDf4/vSZBfJmFUF6UWXCTYa30y5t+8qeDWDfD1Xtg+L8tdJo0qHL
Af46rooNtkV8bpDEsgEGA8BQHRER7322RzQr8mPZkN+2pllpVFBHztM4sfhtDJ/c
xtuVYIsd9gJUWRzwPjrenOlJLbHLLtiQAGh9dRFurtIgA4PgEkfR+mrx6v/bP0Vn
xifbCPTNeKz9vfiegGO6N7C1S2z3/wDeoXK7WQelgKsJNJza8Ud8Vs8M9GtWJElB
hZETT3Q0y34E5vGSOZK0QR/v8Qezuo9DUNRrcYR2mgW7
-----END CERTIFICATE-----`)

test('weak certificates', async t => {
  t.match(judge(x5cOf(makeIssuing({ digest: 'sha1' }))), /untrusted.*algorithm that is not accepted/)
  t.match(judge(x5cOf(makeIssuing({ key: makeRsa(2048) }))), /untrusted.*RSA key of 3072 to 8192 bits/)
  t.match(judge(x5cOf(elliptic)), /untrusted.*Elliptic does not have an RSA key/)
  const weakKey = makeRsa(2048)
  const weakRoot = makeRoot({ key: weakKey })
  const underIt = makeIssuing({ issuer: { subject: 'Root', key: weakKey } })
  t.match(judge(x5cOf(underIt), { trustedRoots: [weakRoot] }), /untrusted.*none of the trusted roots/)
})

test('an issuer that names another key', async t => {
  const keyIdentifier = { name: 'authorityKeyIdentifier', keyIdentifier: 'of another key' }
  const known = makeRoot({ extensions: [...rootExtensions, { name: 'subjectKeyIdentifier' }] })
  const misled = makeIssuing({ extensions: [...issuingExtensions, keyIdentifier] })
  t.match(judge(x5cOf(misled), { trustedRoots: [known] }), /untrusted.*names another issuer/)
})

test('validity at the date of issue', async t => {
  const at = (day: string) => judge(x5cOf(issuing), {}, Date.parse(day))
  t.equal(at('2026-01-01T00:00:00Z'), 'trusted', 'the first second')
  t.equal(at('2030-01-01T00:00:00Z'), 'trusted', 'the last second')
  t.match(
    at('2025-12-31T23:59:59Z'),
    /^license-issuer-not-valid-at-issue: .*"Issuing" is valid from 2026-01-01/,
  )
  t.match(at('2030-01-01T00:00:01Z'), /^license-issuer-not-valid-at-issue/)
  const shortRoot = makeRoot({ to: '2026-10-01T00:00:00Z' })
  t.match(
    judge(x5cOf(issuing), { trustedRoots: [shortRoot] }),
    /^license-issuer-not-valid-at-issue: .*"Root"/,
  )
  t.equal(judge(x5cOf(issuing), { trustedRoots: [shortRoot, root] }), 'trusted', 'a root that was renewed')
})

test('revocation', async t => {
  const revoked = (...certificates: X509Certificate[]) => ({ revoked: new Set(certificates.map(keySha256)) })
  t.match(judge(x5cOf(issuing), revoked(issuing)), /^license-issuer-revoked: .*"Issuing"/)
  t.match(judge(x5cOf(deepIssuing, middle), revoked(middle)), /^license-issuer-revoked: .*"Middle"/)
  const again = makeIssuing({ to: '2029-01-01T00:00:00Z' })
  t.match(
    judge(x5cOf(again), revoked(issuing)),
    /^license-issuer-revoked/,
    'another certificate for a stolen key',
  )
  t.equal(judge(x5cOf(issuing), revoked(middle)), 'trusted')
})

test('the roots of the trust directory', async t => {
  const read = (pem: string) => readTrustedRoots([{ name: '/etc/trust/x.pem', pem }])
  t.equal(read(root.toString() + makeRoot({ key: otherKey }).toString()).length, 2, 'several in one file')
  t.equal(readTrustedRoots([]).length, 0)
  const refuses = (pem: string, why: RegExp) => {
    t.throws(() => read(pem), { code: 'trust-root-invalid', message: /\/etc\/trust\/x\.pem cannot be used/ })
    t.throws(() => read(pem), { message: why })
  }
  refuses('hello', /no certificate in PEM/)
  refuses('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /cannot be read/)
  refuses(issuing.toString(), /Issuing is no root: it is no certificate authority/)
  refuses(middle.toString(), /Middle is no root: it is not self-signed/)
  refuses(makeRoot({ digest: 'sha1' }).toString(), /algorithm that is not accepted/)
})

test('names of certificates', async t => {
  t.equal(nameOf(root), 'Root')
  t.equal(nameOf({ subject: 'O=Acme\nC=DE' } as X509Certificate), 'O=Acme, C=DE', 'without a common name')
})
