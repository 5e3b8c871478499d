import t from 'tap'
import { fingerprintOf } from '../../../src/license/fingerprint.ts'
import { eventOf, installationStream } from '../../../src/licensing-server/ledger/events.ts'
import {
  compareMachines,
  findSameMachine,
  lineageOf,
  needsHistory,
  noHistory,
  readHistory,
} from '../../../src/licensing-server/ledger/same-machine.ts'
import { machineFacts, machineFingerprint, otherMachineFingerprint } from '../../license/setting.ts'
import { act, jktOf, makeInstallation, makeIssue, makeQuestion } from './setting.ts'

t.test('the machine of a key is found before one whose facts fit', async t => {
  const byFacts = makeInstallation({ installationId: 'facts', jkt: jktOf('other') })
  const byKey = makeInstallation({ installationId: 'key', fingerprint: otherMachineFingerprint })
  const asking = { jkt: jktOf('first'), fingerprint: machineFingerprint }
  t.equal(findSameMachine([byFacts, byKey], asking)?.installationId, 'key')
  t.equal(findSameMachine([byFacts], asking)?.installationId, 'facts')
  t.equal(findSameMachine([], asking), null)
})

t.test('of several whose facts fit, the one that was licensed last', async t => {
  const asking = { jkt: jktOf('new'), fingerprint: machineFingerprint }
  const older = makeInstallation({ installationId: 'older', licensedAt: 1 })
  const newer = makeInstallation({ installationId: 'newer', licensedAt: 2 })
  t.equal(findSameMachine([older, newer], asking)?.installationId, 'newer')
  t.equal(findSameMachine([newer, older], asking)?.installationId, 'newer')
})

t.test('a deactivated installation is no candidate, nor one that only shares a fact', async t => {
  const asking = { jkt: jktOf('new'), fingerprint: machineFingerprint }
  t.equal(
    findSameMachine([makeInstallation({ state: 'deactivated' })], { ...asking, jkt: jktOf('first') }),
    null,
  )
  const template = { ...machineFacts, productUuid: null, macs: ['3c:ec:ef:00:00:01'], cpuModel: 'Another' }
  t.equal(findSameMachine([makeInstallation({ fingerprint: fingerprintOf(template) })], asking), null)
  t.equal(findSameMachine([makeInstallation({ fingerprint: null })], asking), null)
})

t.test('without facts the key alone tells a machine', async t => {
  t.equal(compareMachines(null, machineFingerprint).matches, true)
  t.equal(compareMachines(machineFingerprint, null).matches, false)
  t.equal(compareMachines(machineFingerprint, machineFingerprint).matches, true)
  t.equal(compareMachines(machineFingerprint, otherMachineFingerprint).matches, false)
})

t.test('lineage', async t => {
  const issue = makeIssue()
  const installation = makeInstallation({ generation: 5 })
  const lineage = (request: Parameters<typeof makeQuestion>[0], history = noHistory, last = issue) =>
    lineageOf(makeQuestion(request).request, installation, last, history)
  t.equal(lineage({ generation: 5 }), 'current')
  t.equal(lineage({ generation: 4 }), 'stale')
  t.equal(lineage({ generation: 4, earlierRequestIds: ['an-other', issue.requestId] }), 'current')
  t.equal(lineage({ generation: 4, earlierRequestIds: ['an-other'] }), 'stale')
  t.equal(lineage({ generation: 0, earlierRequestIds: [issue.requestId] }), 'current', 'several replies lost')
  t.equal(lineage({ generation: 6 }), 'ahead')
  t.equal(lineage({ generation: 1_000_000_000 }), 'stale', 'no ledger loses as much as that')
  const requestId = '6a0ee4b5-8b8e-4a5b-9b0e-9d2b7e6d1f01'
  const history = { requestIds: new Set([requestId]), keys: new Set<string>() }
  t.equal(lineage({ generation: 2, requestId }, history), 'outdated')
  t.equal(lineageOf(makeQuestion({ generation: 4 }).request, installation, null, noHistory), 'stale')
})

t.test('the past tells which requests were answered or overtaken, and to which keys', async t => {
  const stream = installationStream('i')
  const licensed = (
    requestId: string,
    jkt: string,
    earlier: { earlierRequestIds?: string[]; overtakenRequestIds?: string[] } = {},
  ) =>
    eventOf(stream, act, 'licensed', {
      generation: 1,
      licenseId: 'l',
      requestId,
      requestDigest: 'd',
      jkt,
      units: 1,
      deactivated: false,
      ...earlier,
    })
  const history = readHistory([
    licensed('r1', 'k1'),
    eventOf(stream, act, 'leaving', { transferId: 't' }),
    licensed('r3', 'k2', { earlierRequestIds: ['r2'], overtakenRequestIds: ['r0'] }),
  ])
  t.strictSame([...history.requestIds], ['r1', 'r3', 'r2', 'r0'])
  t.strictSame([...history.keys], ['k1', 'k2'])
})

t.test('only a request that does not fit the last license needs a look at the past', async t => {
  const installation = makeInstallation()
  t.equal(needsHistory(makeQuestion(), installation), false)
  t.equal(needsHistory(makeQuestion({ generation: 2 }), installation), true)
  t.equal(needsHistory(makeQuestion({}, { jkt: jktOf('other') }), installation), true)
})
