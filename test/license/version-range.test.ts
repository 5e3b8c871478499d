import fc from 'fast-check'
import { test } from 'tap'
import { fromVersionPattern, toVersionPattern, versionInRange } from '../../src/license/version-range.ts'
import { parameters } from '../property.ts'

test('a key for 5.0 is good on 5.1', async t => {
  const range = { from: '5.0', to: '5.x' }
  for (const version of ['5.0', '5.0.0', '5.1', '5.10.3', '5.99.99.99', '5'])
    t.ok(versionInRange(version, range), version)
  for (const version of ['4.9.9', '6.0', '50.1', '']) t.notOk(versionInRange(version, range), version)
})

test('both ends are included', async t => {
  t.ok(versionInRange('5.1.7', { from: '5.0', to: '5.1' }), 'to names as many parts as it means')
  t.notOk(versionInRange('5.2', { from: '5.0', to: '5.1' }))
  t.ok(versionInRange('5.1.0', { from: '5.1', to: '5.1' }))
  t.ok(versionInRange('5.1', { from: '5.1.0', to: '5.x' }), 'missing parts are 0')
  t.notOk(versionInRange('5.1', { from: '5.1.1', to: '5.x' }))
  t.ok(versionInRange('5.1', { from: '5', to: '5.1.0' }), 'missing parts are 0 at the upper end too')
  t.ok(versionInRange('5.10', { from: '5.9', to: '5' }), 'numbers, not text')
  t.notOk(versionInRange('5.5', { from: '6', to: '5' }), 'an empty range')
})

test('suffixes and nonsense', async t => {
  const range = { from: '5.1', to: '5.x' }
  for (const version of ['5.1.0-beta.2', '5.1+build.7', '5.1.0-rc.1+x'])
    t.ok(versionInRange(version, range), version)
  for (const version of ['v5.1', '5.1.', '.5', '5..1', 'latest', '5.x', '5.1.0.0.0', '5.1234567']) {
    t.notOk(versionInRange(version, range), version)
  }
})

test('what a license may write', async t => {
  const from = new RegExp(fromVersionPattern)
  const to = new RegExp(toVersionPattern)
  for (const text of ['5', '5.0', '5.0.2', '1.2.3.4']) t.ok(from.test(text) && to.test(text), text)
  t.ok(to.test('5.x'))
  for (const text of ['5.x', 'x', '5.', '', '5.0-beta']) t.notOk(from.test(text), text)
  for (const text of ['x', '5.x.1', '5.y', '']) t.notOk(to.test(text), text)
})

test('agreement with the order of version numbers', async t => {
  const parts = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 3, maxLength: 3 })
  const order = ([a, b, c]: number[]) => a! * 10_000 + b! * 100 + c!
  fc.assert(
    fc.property(parts, parts, parts, (version, from, to) => {
      const expected = order(from) <= order(version) && order(version) <= order(to)
      return versionInRange(version.join('.'), { from: from.join('.'), to: to.join('.') }) === expected
    }),
    parameters(200),
  )
  t.pass('full versions compare as numbers')
})
