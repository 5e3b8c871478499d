import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HistoryDatabase } from '../../src/daemon/history/database.ts'
import { checkUsageReport } from '../../src/licensing-server/check-usage-report.ts'
import { twoWeeks } from '../report/html/page-setting.ts'
import { startCustomer } from './customer-site.ts'

t.test('a report as a page, and signed for the vendor', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { key } = await vendor.pool(10)
  const time = ['--from', '2026-11-02', '--to', '2026-11-16', '--by', 'hour', '--utc']
  const db = new HistoryDatabase(join(site.config.stateDirectory, 'history.db'))
  db.add(twoWeeks().map(row => ({ ...row, span: 'hour' as const })))
  db.close()
  t.match(await ctl('report', ...time, '--sign', 'r.jws', '--json'), {
    code: 1,
    stdout: /installation-unknown/,
  })
  t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '5'), { code: 0 })
  t.match(await ctl('report', ...time, '--sign', 'r.jws'), { code: 0, stderr: /The report is in/ })
  const checked = await checkUsageReport(vendor.store, readFileSync(join(site.folder, 'r.jws')))
  t.match(checked, { ok: true, report: { by: 'hour', rows: twoWeeks() } })
  t.match(await ctl('report', ...time, '--html', 'r.html'), { code: 0 })
  t.match(readFileSync(join(site.folder, 'r.html'), 'utf8'), '<dt>Most in use at one time</dt><dd>40</dd>')
  t.match(await ctl('report', ...time, '--html', 'r.html', '--json'), { code: 1, stdout: /file-exists/ })
  t.match(await ctl('report', ...time, '--html', 'r.html', '--force'), { code: 0 })
})
