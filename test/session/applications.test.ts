import t from 'tap'
import { ApplicationTable, noTotals, notePeak } from '../../src/session/applications.ts'
import { applicationPolicyOf, policyOf } from './setting.ts'

t.test('an application is made when it is first named', async t => {
  const table = new ApplicationTable(policyOf())
  const ivr = table.named('ivr')!
  t.equal(table.named('ivr'), ivr)
  t.equal(table.at(ivr.index), ivr)
  t.strictSame([...table], [ivr])
})

t.test('only so many different names are kept, but what the journal names is counted', async t => {
  const table = new ApplicationTable(policyOf({ maxApplications: 1 }))
  table.named('ivr')
  t.equal(table.named('fax'), null)
  const fax = table.restored('fax')
  t.equal(table.named('fax'), fax)
  t.equal(table.restored('fax'), fax)
})

t.test('a new configuration rules the applications that are known already', async t => {
  const table = new ApplicationTable(policyOf())
  const ivr = table.named('ivr')!
  t.match(ivr, { max: null, featureLicensed: true, maxDurationMs: null })
  t.equal(table.anyHasMaxDuration, false)
  const configured = applicationPolicyOf({ max: 3, feature: 'voice', maxDurationMs: 1000 })
  const applications = new Map([['ivr', configured]])
  table.setPolicy(policyOf({ applications }))
  t.match(ivr, { max: 3, featureLicensed: false, maxDurationMs: 1000 })
  t.equal(table.anyHasMaxDuration, true)
  table.setPolicy(policyOf({ applications, features: new Set(['voice']) }))
  t.equal(ivr.featureLicensed, true)
  table.setPolicy(policyOf())
  t.match(ivr, { max: null, featureLicensed: true, maxDurationMs: null })
  t.equal(table.anyHasMaxDuration, false)
})

t.test('counts begin at nothing, each with its own', async t => {
  const totals = noTotals()
  totals.ended.released++
  totals.denied.set('draining', 1)
  t.match(noTotals(), { granted: 0, peak: 0, adopted: 0, ended: { released: 0 } })
  t.equal(noTotals().denied.size, 0)
})

t.test('a peak is noted as it is reached, also one since it was last looked at', async t => {
  const totals = noTotals()
  notePeak(totals, 3)
  notePeak(totals, 2)
  t.match(totals, { peak: 3, recentPeak: 3 })
  totals.recentPeak = 1
  notePeak(totals, 2)
  t.match(totals, { peak: 3, recentPeak: 2 })
  notePeak(totals, 4)
  t.match(totals, { peak: 4, recentPeak: 4 })
})
