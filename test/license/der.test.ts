import { test } from 'tap'
import { readCertificateTerms } from '../../src/license/certificate-terms.ts'
import { DerFlaw, derTag, readDer, readDerList, readDerWhole } from '../../src/license/der.ts'
import { issuingExtensions, makeCertificate, makeRsa, rootExtensions } from './certificate-factory.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

test('elements', async t => {
  t.same(readDer(bytes('0403 010203'), 0), { tag: 4, content: bytes('010203'), end: 5 })
  t.equal(readDer(bytes(`0481 80 ${'00'.repeat(128)}`), 0).content.length, 128)
  t.equal(readDer(bytes(`0482 0100 ${'00'.repeat(256)}`), 0).content.length, 256)
  t.equal(readDerList(bytes('0500 0500')).length, 2)
  t.same(readDerList(bytes('')), [])
  t.equal(readDerWhole(bytes('0500'), 5).end, 2)
})

test('bytes that are no strict DER', async t => {
  const flaw = (hex: string, why: RegExp) =>
    t.throws(() => readDer(bytes(hex), 0), { name: 'DerFlaw', message: why })
  flaw('', /cut short/)
  flaw('04', /cut short/)
  flaw('0403 0102', /cut short/)
  flaw('1f8101 00', /tag is longer/)
  flaw('0480 0000', /indefinite/)
  flaw('0484 00000001 00', /absurd/)
  flaw('0481 05 0000000000', /not minimal/)
  flaw('0482 0005 0000000000', /not minimal/)
  flaw(`0482 0081 ${'00'.repeat(129)}`, /not minimal/)
  flaw('0482 01', /not minimal|cut short/)
  t.throws(() => readDerWhole(bytes('0500 00'), 5), /bytes follow/)
  t.throws(() => readDerWhole(bytes('0500'), derTag.sequence), /tag 5 stands where 48 belongs/)
  t.ok(new DerFlaw('x') instanceof Error)
})

const key = makeRsa()

test('terms of real certificates', async t => {
  t.match(readCertificateTerms(makeCertificate({ subject: 'Root', key, extensions: rootExtensions }).raw), {
    signatureAlgorithm: '2a864886f70d01010b',
    isAuthority: true,
    pathLength: null,
    keyUsage: new Set(['keyCertSign', 'cRLSign']),
    purposes: null,
  })
  const flat = [{ name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 }]
  t.match(readCertificateTerms(makeCertificate({ subject: 'Flat', key, extensions: flat }).raw), {
    pathLength: 0,
  })
  t.match(
    readCertificateTerms(makeCertificate({ subject: 'Leaf', key, extensions: issuingExtensions }).raw),
    {
      isAuthority: false,
      keyUsage: new Set(['digitalSignature']),
      purposes: ['698282eeadfbdb8bb290bf939f919582afe5fb35'],
    },
  )
  const every = {
    name: 'keyUsage',
    digitalSignature: true,
    nonRepudiation: true,
    keyEncipherment: true,
    dataEncipherment: true,
    keyAgreement: true,
    keyCertSign: true,
    cRLSign: true,
    encipherOnly: true,
    decipherOnly: true,
  }
  const terms = readCertificateTerms(makeCertificate({ subject: 'Every', key, extensions: [every] }).raw)
  t.equal('flaw' in terms ? 0 : terms.keyUsage?.size, 9)
  const bare = makeCertificate({ subject: 'Bare', key, extensions: [] })
  t.match(readCertificateTerms(bare.raw), { isAuthority: false, keyUsage: null, purposes: null })
})

/** A skeleton of a certificate: only what is read, around these extensions. */
function skeleton(...extensions: string[]): Buffer {
  const wrap = (tag: number, content: Buffer) => Buffer.concat([Buffer.from([tag, content.length]), content])
  const list = wrap(0x30, Buffer.concat(extensions.map(bytes)))
  return wrap(0x30, Buffer.concat([wrap(0x30, wrap(0xa3, list)), bytes('3003 060155')]))
}

const basic = (value: string) => {
  const content = `0603551d13 04${(value.length / 2).toString(16).padStart(2, '0')} ${value}`.replaceAll(
    ' ',
    '',
  )
  return `30${(content.length / 2).toString(16).padStart(2, '0')}${content}`
}

test('extensions that cannot be relied on', async t => {
  const flawOf = (der: Buffer) => readCertificateTerms(der)
  t.match(flawOf(skeleton(basic('30030101ff'))), { isAuthority: true })
  t.match(flawOf(skeleton(basic('3003010101'))), { isAuthority: false }, 'only FF is TRUE in DER')
  t.match(flawOf(skeleton(basic('30030101ff'), basic('30030101ff'))), { flaw: /twice/ })
  t.match(flawOf(skeleton(basic('30070101ff02020100'))), { flaw: /path length is absurd/ })
  t.match(flawOf(skeleton('3005 0603551d13')), { flaw: /no value/ })
  t.match(flawOf(skeleton('3008 0603551d13 0101ff')), { flaw: /no value/ })
  t.match(flawOf(skeleton('3000')), { flaw: /no value/ })
  t.match(flawOf(skeleton(basic('0500'))), { flaw: /tag 5/ })
  t.match(flawOf(bytes('3000')), { flaw: /cut short/ })
  t.match(flawOf(bytes('3002 3000')), { flaw: /cut short/ })
  t.match(flawOf(bytes('hello')), { flaw: /cut short/ })
})
