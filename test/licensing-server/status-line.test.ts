import t from 'tap'
import type { Readiness } from '../../src/licensing-server/service.ts'
import { ReadinessWatch, statusLine } from '../../src/licensing-server/status-line.ts'

const well: Readiness = { ready: true, ledgerProblem: null, issuerProblem: null, issuerValidUntil: null }
const url = 'https://192.0.2.1:443'

t.test('one line tells how the server is', async t => {
  t.equal(statusLine(null, url, 0), `starting; ${url}; 0 licenses since the start`)
  t.equal(statusLine(well, url, 1), `ready; ${url}; 1 license since the start`)
  const ill = { ...well, ready: false, issuerProblem: 'It has expired.' }
  t.equal(statusLine(ill, url, 2), `not ready: It has expired.; ${url}; 2 licenses since the start`)
  t.match(statusLine({ ...ill, ledgerProblem: 'It is away.' }, url, 2), /^not ready: It is away\./)
})

t.test('a ledger that does not answer is asked once', async t => {
  let asked = 0
  let answer = (_: Readiness) => {}
  const readiness = () => {
    asked++
    return new Promise<Readiness>(resolve => {
      answer = resolve
    })
  }
  const watch = new ReadinessWatch({ readiness }, 1_000_000)
  t.teardown(() => watch.close())
  const first = watch.look()
  await watch.look()
  t.equal(asked, 1)
  t.equal(watch.last, null)
  answer(well)
  await first
  t.equal(watch.last, well)
  void watch.look()
  t.equal(asked, 2)
})
