import { spawnSync } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import t from 'tap'
import { verifyLicense } from '../../src/license/verify.ts'
import { Random } from '../fuzz/random.ts'
import { mutateJws, partsOf } from '../fuzz/targets/signer.ts'
import {
  authority,
  issuingExtensions,
  type KeyPair,
  makeCertificate,
  makeRsa,
  noAuthority,
  rootExtensions,
  signsCertificates,
  signsDocuments,
  signsLicenses,
  x5cOf,
} from './certificate-factory.ts'
import { opensslBelieves } from './openssl-licenses.ts'
import { assembleJws, fixtureNow, machineFingerprint, machineJkt, makeLicense, signJws } from './setting.ts'

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed'

const [rootKey, otherRootKey, middleKey, leafKey, strangerKey] = [0, 1, 2, 3, 4].map(() => makeRsa()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const root = makeCertificate({ subject: 'Root', key: rootKey, extensions: rootExtensions })
const otherRoot = makeCertificate({ subject: 'Root', key: otherRootKey, extensions: rootExtensions })
const byRoot = { subject: 'Root', key: rootKey }
const byMiddle = { subject: 'Middle', key: middleKey }
const leaf = (shape: object = {}) =>
  makeCertificate({
    subject: 'Issuing',
    key: leafKey,
    issuer: byRoot,
    extensions: issuingExtensions,
    ...shape,
  })
const middle = (shape: object = {}) =>
  makeCertificate({ subject: 'Middle', key: middleKey, issuer: byRoot, extensions: rootExtensions, ...shape })
const deep = leaf({ issuer: byMiddle })

const sign = (
  chain: X509Certificate[],
  { key = leafKey, header = {}, license = makeLicense() as unknown } = {},
) => signJws(license, { alg: 'PS256', typ: 'license+jws', x5c: x5cOf(...chain), ...header }, key.privateKey)

async function believed(text: string, trusted = root): Promise<boolean> {
  const context = {
    product: 'call-services',
    version: '5.1.0',
    fingerprint: machineFingerprint,
    machineJkt,
  } as const
  const trust = { trustedRoots: [trusted], revoked: new Set<string>() }
  return (await verifyLicense(text, { ...context, ...trust, now: fixtureNow })).ok
}

/** Each is judged alike by both; the names of good ones begin with "good". */
async function sameForBoth(): Promise<Record<string, string>> {
  const good = await sign([leaf()])
  const [head, payload, signature] = good.split('.') as [string, string, string]
  const other = Buffer.from(JSON.stringify(makeLicense({ maxSessions: 1_000_000 }))).toString('base64url')
  return {
    good,
    'good, with a line end': `${good}\n`,
    'good, over a middle authority': await sign([deep, middle()]),
    'wrong key': await sign([leaf()], { key: strangerKey }),
    'an issuer that is no authority': await sign([deep, middle({ extensions: issuingExtensions })]),
    'an authority that expired before the issue': await sign([deep, middle({ to: '2026-10-01T00:00:00Z' })]),
    'an issuing certificate that expired before the issue': await sign([
      leaf({ to: '2026-10-01T00:00:00Z' }),
    ]),
    'an issuing certificate of the day after': await sign([leaf({ from: '2026-11-02T00:00:00Z' })]),
    'a path length of none': await sign([
      leaf({ issuer: { subject: 'Lower', key: strangerKey } }),
      makeCertificate({ subject: 'Lower', key: strangerKey, issuer: byMiddle, extensions: rootExtensions }),
      middle({ extensions: [{ ...authority, pathLenConstraint: 0 }, signsCertificates] }),
    ]),
    'signed by a root of the same name': await sign([
      leaf({ issuer: { subject: 'Root', key: otherRootKey } }),
    ]),
    'x5c in another order': await sign([middle(), deep]),
    'a missing link': await sign([deep]),
    'no certificate': await sign([]),
    'a payload of more sessions': `${head}.${other}.${signature}`,
    'the signature cut short': good.slice(0, -40),
    'the payload cut short': `${head}.${payload.slice(0, -8)}.${signature}`,
    'an empty signature': `${head}.${payload}.`,
    'zeros for a signature': assembleJws(partsOf(good).header, makeLicense(), Buffer.alloc(384)),
    'no document': 'hello',
    'an unknown critical extension': await sign([
      leaf({ extensions: [...issuingExtensions, { id: '1.2.3.4', critical: true, value: '\x05\x00' }] }),
    ]),
  }
}

/** `openssl` believes these and the program does not, for the reason that stands beside each. */
async function stricterHere(): Promise<[why: string, text: string][]> {
  const good = await sign([leaf()])
  const weakKey = makeRsa(2048)
  const noCritical = { name: 'keyUsage', critical: true, keyCertSign: false, digitalSignature: false }
  return [
    [
      'a key usage that does not say digitalSignature is for no document',
      await sign([leaf({ extensions: [noAuthority, { ...noCritical, keyAgreement: true }, signsLicenses] })]),
    ],
    [
      'a certificate without key usage says nothing of what it is for',
      await sign([leaf({ extensions: [noAuthority, signsLicenses] })]),
    ],
    [
      'a certificate that is not made for licenses, as of a web server of the vendor',
      await sign([leaf({ extensions: [noAuthority, signsDocuments] })]),
    ],
    ['an authority signs no licenses itself', await sign([middle()], { key: middleKey })],
    ['an authority without key usage', await sign([deep, middle({ extensions: [authority] })])],
    ['keys have 3072 bits at least', await sign([leaf({ key: weakKey })], { key: weakKey })],
    ['a chain has at most two certificates', await sign([deep, middle(), leaf()])],
    ['a certificate stands twice', await sign([leaf(), leaf()].slice(0, 1).flatMap(one => [one, one]))],
    ['a root in x5c proves nothing', await sign([leaf(), root])],
    ['base64url has one spelling', respelled(good)],
    ['the type says what is signed', await sign([leaf()], { header: { typ: 'JWT' } })],
    ['a header that names a key source', await sign([leaf()], { header: { jku: 'https://x.example' } })],
    ['a license of a schema to come', await sign([leaf()], { license: { ...makeLicense(), schema: 2 } })],
    [
      'a license of another machine',
      await sign([leaf()], { license: makeLicense({ cnf: { jkt: 'A'.repeat(43) } }) }),
    ],
  ]
}

/** The same bytes in another text: padding after the signature, which most readers of base64url pass over. */
function respelled(text: string): string {
  return `${text}=`
}

t.setTimeout(300_000)

t.test('good and bad licenses: openssl agrees', { skip }, async t => {
  const folder = t.testdir({})
  for (const [name, text] of Object.entries(await sameForBoth())) {
    const expected = name.startsWith('good')
    t.equal(await believed(text), expected, `here: ${name}`)
    t.equal(opensslBelieves(text, folder, root.toString()), expected, `openssl: ${name}`)
  }
  const good = await sign([leaf()])
  t.equal(await believed(good, otherRoot), false, 'here: another root of the same name')
  t.equal(
    opensslBelieves(good, folder, otherRoot.toString()),
    false,
    'openssl: another root of the same name',
  )
})

t.test('what is refused here though openssl believes it, and why', { skip }, async t => {
  const folder = t.testdir({})
  for (const [why, text] of await stricterHere()) {
    t.equal(await believed(text), false, why)
    t.equal(opensslBelieves(text, folder, root.toString()), true, `openssl: ${why}`)
  }
})

t.test('what is believed here, openssl believes: 60 changed licenses', { skip }, async t => {
  const folder = t.testdir({})
  const text = await sign([leaf()])
  const good = { ...partsOf(text), text }
  const tally = { both: 0, neither: 0, opensslAlone: 0 }
  for (let index = 0; index < 60; index++) {
    const changed = mutateJws(good, leafKey.privateKey, 'PS256', new Random(`openssl/${index}`)).toString(
      'latin1',
    )
    const here = await believed(changed)
    const there = opensslBelieves(changed, folder, root.toString())
    if (here && !there) t.fail(`case ${index} is believed here alone: ${changed}`)
    tally[here ? 'both' : there ? 'opensslAlone' : 'neither']++
  }
  t.comment(JSON.stringify(tally))
  t.ok(tally.both > 0 && tally.neither > 0, 'some are good, most are not')
})
