import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { machineJwkOf, machineThumbprint } from '../../../src/license/machine-key.ts'
import {
  createUsageReport,
  type UsageReportContent,
  usageReportMaxBytes,
  usageReportMaxRows,
  usageReportType,
  verifyUsageReport,
} from '../../../src/report/signed/document.ts'
import { usageReportProblems } from '../../../src/report/signed/problems.ts'
import { spans } from '../../../src/report/spans.ts'
import { assembleJws, signJws } from '../../license/setting.ts'
import { firstHour, twoWeeks } from '../html/page-setting.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const now = Date.parse('2026-11-16T08:00:00Z')
const content: UsageReportContent = {
  from: firstHour,
  to: firstHour + 14 * spans.day,
  by: 'hour',
  installationId: 'c0ffee00-0000-4000-8000-00000000000a',
  hostname: 'calls-1.acme.example',
  version: '5.1.0',
  rows: twoWeeks(),
}
const make = (changes: Partial<UsageReportContent> = {}) =>
  createUsageReport({ ...content, ...changes }, { privateKey, now })
const payload = {
  schema: 1,
  madeAt: '2026-11-16T08:00:00Z',
  ...content,
  from: '2026-11-02T00:00:00Z',
  to: '2026-11-16T00:00:00Z',
}
const header = { alg: 'ES256', typ: usageReportType, jwk: machineJwkOf(publicKey) }
const signed = (changes: object, head: object = {}) =>
  signJws({ ...payload, ...changes }, { ...header, ...head }, privateKey)

t.test('a signed report and what is read from it', async t => {
  t.strictSame(await verifyUsageReport(await make()), {
    ok: true,
    report: payload,
    jkt: await machineThumbprint(publicKey),
  })
  t.match(await verifyUsageReport(Buffer.from(`${await make({ rows: [] })}\n`)), { ok: true })
})

t.test('what cannot be signed', async t => {
  const rows = Array.from({ length: usageReportMaxRows + 1 }, (_, index) => ({
    ...content.rows[0]!,
    start: firstHour + index * spans.hour,
  }))
  const to = firstHour + rows.length * spans.hour
  await t.rejects(make({ rows, to }), { code: 'usage-report-too-long' })
  await t.rejects(make({ hostname: '' }), { code: 'usage-report-content-invalid' })
  await t.rejects(make({ rows: [...twoWeeks(), ...twoWeeks()] }), { code: 'usage-report-content-invalid' })
  const one = { inUseMs: 1, peak: 1, granted: 1, refused: 1 }
  const applications = Object.fromEntries(
    Array.from({ length: 32 }, (_, index) => [`a-rather-long-name-of-an-application-${index}`, one]),
  )
  const wide = rows
    .slice(0, 2500)
    .map(({ start, figures }) => ({ start, figures: { ...figures, applications } }))
  await t.rejects(make({ rows: wide, to }), { code: 'usage-report-too-long', message: / bytes/ })
})

t.test('every way in which a signed report can be wrong', async t => {
  const text = await make()
  const [head, body, signature] = text.split('.') as [string, string, string]
  const [row] = content.rows
  const figures = row!.figures
  const misrows = [
    [{ start: firstHour + 1, figures }],
    [{ start: firstHour - spans.hour, figures }],
    [{ start: content.to, figures }],
    [row, row],
    [{ start: firstHour, figures: { ...figures, granted: -1 } }],
    [{ start: firstHour, figures: { ...figures, granted: 0.5 } }],
    [{ start: firstHour, figures: { ...figures, total: 1 } }],
    [{ start: firstHour, figures: { ...figures, refused: { 'No Word': 1 } } }],
    [{ start: firstHour, figures: { ...figures, applications: { '<b>': figures.applications['ivr'] } } }],
  ]
  const wrong: [code: keyof typeof usageReportProblems, text: string][] = [
    ['usage-report-too-large', 'x'.repeat(usageReportMaxBytes + 1)],
    ['usage-report-not-parsable', 'no report'],
    ['usage-report-wrong-type', await signed({}, { typ: 'activation-request+jws' })],
    ['usage-report-algorithm-refused', assembleJws({ ...header, alg: 'none' }, payload, Buffer.of(1))],
    ['usage-report-header-refused', await signed({}, { kid: 'x' })],
    ['usage-report-key-invalid', await signed({}, { jwk: { kty: 'EC' } })],
    [
      'usage-report-signature-invalid',
      assembleJws(header, { ...payload, rows: [] }, Buffer.from(signature, 'base64url')),
    ],
    ['usage-report-signature-invalid', `${head}.${body}.${signature.slice(0, -4)}AAAA`],
    ['usage-report-schema-too-new', await signed({ schema: 2 })],
    ['usage-report-payload-invalid', await signed({ madeAt: '2026-02-30T00:00:00Z' })],
    ['usage-report-payload-invalid', await signed({ to: '2026-01-01T00:00:00Z' })],
  ]
  for (const rows of misrows) wrong.push(['usage-report-payload-invalid', await signed({ rows })])
  for (const [index, [code, text]] of wrong.entries()) {
    const verdict = await verifyUsageReport(text)
    t.match(verdict, { ok: false, problem: { code, message: String, hint: String } }, `${index} ${code}`)
  }
  const ledgers = ['usage-report-installation-unknown', 'usage-report-other-machine']
  t.strictSame(
    Object.keys(usageReportProblems).sort(),
    [...new Set(wrong.map(([code]) => code)), ...ledgers].sort(),
  )
})
