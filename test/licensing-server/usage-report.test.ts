import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openLedger } from '../../src/licensing-server/store/open.ts'
import { createUsageReport, usageReportMaxBytes } from '../../src/report/signed/document.ts'
import { spans } from '../../src/report/spans.ts'
import { invoke } from '../cli/invoke.ts'
import { firstHour, twoWeeks } from '../report/html/page-setting.ts'
import { Machine, Vendor } from './vendor.ts'

/** A vendor with one activated machine, and `report verify` on its ledger. */
async function start(t: Test) {
  const folder = t.testdir({})
  const location = join(folder, 'ledger.sqlite')
  const store = await openLedger(location)
  const vendor = await Vendor.withCustomer(store)
  const machine = new Machine()
  await machine.activate(vendor, (await vendor.pool(10)).key, 5)
  await store.close()
  return {
    folder,
    machine,
    installationId: machine.license!.installationId,
    verify: (text: string, ...more: string[]) => {
      writeFileSync(join(folder, 'report.jws'), text)
      const args = ['report', 'verify', 'report.jws', '--ledger.location', location, ...more]
      return invoke('licensing-server', args, { cwd: folder })
    },
  }
}

function sign({ privateKey }: Machine, installationId: string): Promise<string> {
  const content = {
    from: firstHour,
    to: firstHour + 14 * spans.day,
    by: 'hour' as const,
    installationId,
    hostname: 'calls-1',
    version: '5.0.3',
    rows: twoWeeks(),
  }
  return createUsageReport(content, { privateKey, now: content.to })
}

t.test('the vendor verifies a report and works its totals out', async t => {
  const { machine, installationId, verify } = await start(t)
  const text = await sign(machine, installationId)
  const { code, stdout } = await verify(text, '--json')
  t.equal(code, 0)
  const granted = twoWeeks().reduce((sum, { figures }) => sum + figures.granted, 0)
  t.match(JSON.parse(stdout), {
    ok: true,
    signed: { installationId, customerId: 'acme', hostname: 'calls-1', madeAt: '2026-11-16T00:00:00Z' },
    total: { granted, peak: 40 },
    busyHour: { erlangs: 40 },
    advice: { limit: 50 },
  })
  const shown = await verify(text)
  t.match(shown, {
    code: 0,
    stdout: `Signed by the machine of installation ${installationId}, customer acme`,
  })
  t.match(shown.stdout, new RegExp(`Granted +${granted}\nRefused +\\d+: limit-reached \\d+`))
})

t.test('what the vendor refuses', async t => {
  const { folder, machine, installationId, verify } = await start(t)
  const text = await sign(machine, installationId)
  const unknown = await sign(machine, 'c0ffee00-0000-4000-8000-00000000000a')
  const [head, body, signature] = text.split('.') as [string, string, string]
  const less = Buffer.from(
    Buffer.from(body, 'base64url').toString().replace('"granted":20', '"granted":10'),
  ).toString('base64url')
  t.not(less, body)
  const refused: [code: string, text: string][] = [
    ['usage-report-other-machine', await sign(new Machine(), installationId)],
    ['usage-report-installation-unknown', unknown],
    ['usage-report-signature-invalid', `${head}.${less}.${signature}`],
    ['usage-report-too-large', 'x'.repeat(usageReportMaxBytes + 1)],
    ['usage-report-wrong-type', await machine.request()],
  ]
  for (const [problem, text] of refused) {
    const { code, stdout, stderr } = await verify(text, '--json')
    t.equal(code, 3, problem)
    t.match(JSON.parse(stdout), { ok: false, problem: { code: problem, hint: String } })
    t.match(stderr, /^Refused: .*\nhint: /)
  }
  const gone = await invoke(
    'licensing-server',
    ['report', 'verify', 'none.jws', '--ledger.location', join(folder, 'ledger.sqlite')],
    { cwd: folder },
  )
  t.match(gone, { code: 1, stderr: /There is no file/ })
})
