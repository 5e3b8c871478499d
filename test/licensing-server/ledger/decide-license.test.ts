import t from 'tap'
import { decideConfirmation } from '../../../src/licensing-server/ledger/confirm-deactivation.ts'
import { decideActivation, decideReactivation } from '../../../src/licensing-server/ledger/decide-license.ts'
import type { Situation } from '../../../src/licensing-server/ledger/model.ts'
import { digestOf } from '../../../src/licensing-server/ledger/question.ts'
import { noHistory } from '../../../src/licensing-server/ledger/same-machine.ts'
import { poolTerms } from '../vendor.ts'
import {
  customer,
  jktOf,
  makeInstallation,
  makeIssue,
  makeKey,
  makePool,
  makeQuestion,
  makeTransfer,
  now,
} from './setting.ts'

function makeSituation(changes: Partial<Situation> = {}): Situation {
  return {
    customer,
    pool: makePool(),
    installation: makeInstallation(),
    issue: makeIssue(),
    transfer: null,
    ...changes,
  }
}

t.test('an ordinary reactivation', async t => {
  const question = makeQuestion()
  t.match(decideReactivation(question, makeSituation(), noHistory), {
    kind: 'issue',
    license: {
      licenseId: question.fresh.licenseId,
      installationId: 'c0ffee00-0000-4000-8000-000000000002',
      requestId: question.request.requestId,
      generation: 4,
      maxSessions: 10,
      seats: 0,
      customer: { id: 'acme', name: 'Acme Telephony' },
      cnf: { jkt: jktOf('first') },
      issuedAt: '2026-11-24T12:00:00Z',
      deactivated: false,
      ...poolTerms,
    },
    change: {
      claim: undefined,
      pool: undefined,
      machineChanged: undefined,
      installation: { generation: 4, revision: 3, licensedAt: now },
      events: [{ type: 'licensed', by: 'machine', data: { generation: 4, units: 10, askedAs: undefined } }],
    },
    issue: { generation: 4, requestDigest: question.digest, deactivated: false },
  })
})

t.test('a suspicion is written even where the request is refused for another reason', async t => {
  const stale = makeQuestion({ generation: 1, version: '6.0.0' })
  t.match(decideReactivation(stale, makeSituation(), noHistory), {
    kind: 'refuse',
    refusal: { code: 'version-not-covered' },
    change: {
      installation: { standing: 'clone-suspected', generation: 3 },
      events: [{ type: 'clone-suspected' }],
    },
  })
  const tooMuch = makeQuestion({ generation: 1, sessions: 1000 })
  t.match(decideReactivation(tooMuch, makeSituation(), noHistory), {
    refusal: { code: 'pool-exhausted' },
    change: { installation: { standing: 'clone-suspected', units: 10 }, claim: undefined },
  })
  t.match(decideReactivation(makeQuestion({ sessions: 1000 }), makeSituation(), noHistory), {
    refusal: { code: 'pool-exhausted' },
    change: null,
  })
})

t.test('a suspicion is written once', async t => {
  const elsewhere = makeQuestion(
    {},
    { facts: { machineId: '9'.repeat(31).concat('1'), productUuid: null, macs: [], cpuModel: null } },
  )
  for (const standing of ['good', 'cleared'] as const) {
    const situation = makeSituation({ installation: makeInstallation({ standing }) })
    t.match(decideReactivation(elsewhere, situation, noHistory), {
      refusal: { code: 'other-machine' },
      change: { installation: { standing: 'clone-suspected' } },
    })
  }
  for (const standing of ['clone-suspected', 'blocked'] as const) {
    const situation = makeSituation({ installation: makeInstallation({ standing }) })
    t.match(decideReactivation(elsewhere, situation, noHistory), {
      refusal: { code: 'other-machine' },
      change: null,
    })
  }
})

t.test(
  'an activation rests on its key, and a new installation on nobody else being that machine',
  async t => {
    const keyed = { key: makeKey(), pool: makePool(), customer, transfer: null, seen: ['another'] }
    const question = makeQuestion({ installationId: null, generation: 0, sessions: 5 }, { jkt: jktOf('new') })
    t.match(decideActivation(question, keyed, null, noHistory), {
      kind: 'issue',
      license: { installationId: question.fresh.installationId, generation: 1, maxSessions: 5 },
      change: {
        claim: { poolId: 'pool-1', revision: 1, taken: 5 },
        installation: { revision: 0, units: 5 },
        machineChanged: true,
        premises: {
          key: { keyId: 'ABC123', revision: 1 },
          machine: { customerId: 'acme', product: 'call-services', jkt: jktOf('new'), seen: ['another'] },
        },
      },
    })
    t.match(decideActivation(makeQuestion(), keyed, makeSituation(), noHistory), {
      change: { premises: { key: { keyId: 'ABC123' }, machine: undefined }, claim: undefined },
    })
  },
)

t.test('a machine that brings the license of another installation was set up anew', async t => {
  const keyed = { key: makeKey(), pool: makePool(), customer, transfer: null, seen: [] }
  const question = makeQuestion({ installationId: 'c0ffee00-0000-4000-8000-00000000000a', generation: 9 })
  t.match(decideActivation(question, keyed, makeSituation(), noHistory), {
    license: { generation: 4 },
    change: { installation: { standing: 'good' } },
  })
})

t.test('a copy that shows the key is judged like any copy', async t => {
  const keyed = { key: makeKey(), pool: makePool(), customer, transfer: null, seen: [] }
  const stale = makeQuestion({ generation: 1 })
  t.match(decideActivation(stale, keyed, makeSituation(), noHistory), {
    kind: 'issue',
    change: { installation: { standing: 'clone-suspected' } },
  })
  const suspected = makeSituation({ installation: makeInstallation({ standing: 'clone-suspected' }) })
  for (const generation of [1, 0]) {
    t.match(decideActivation(makeQuestion({ generation }), keyed, suspected, noHistory), {
      refusal: { code: 'clone-suspected' },
    })
  }
  t.match(decideActivation(makeQuestion(), keyed, suspected, noHistory), { kind: 'issue' })
})

t.test('the last license that deactivates is found among sixteen', async t => {
  const installation = makeInstallation({ state: 'leaving' })
  const deactivationLicenseIds = Array.from({ length: 16 }, (_, number) => `license-${number}`)
  const transfer = makeTransfer({ deactivationLicenseIds })
  const question = makeQuestion()
  const decision = decideReactivation(question, makeSituation({ installation, transfer }), noHistory)
  t.match(decision, {
    license: { deactivated: true, maxSessions: 0 },
    change: {
      installation: { state: 'leaving', units: 10, generation: 4 },
      transfer: { deactivationLicenseIds: [...deactivationLicenseIds.slice(1), question.fresh.licenseId] },
    },
  })
})

t.test('a repeat of what deactivated owns nothing', async t => {
  const question = makeQuestion()
  const issue = makeIssue({
    requestId: question.request.requestId,
    requestDigest: question.digest,
    deactivated: true,
  })
  const situation = makeSituation({ installation: makeInstallation({ state: 'leaving' }), issue })
  t.match(decideReactivation(question, situation, noHistory), { kind: 'repeat', issue, units: 0 })
})

t.test('an installation that has left without a transfer cannot be', async t => {
  const situation = makeSituation({ installation: makeInstallation({ state: 'leaving' }) })
  t.throws(() => decideReactivation(makeQuestion(), situation, noHistory), TypeError)
})

t.test('a confirmation is of a license that was issued to deactivate', async t => {
  const question = makeQuestion({ deactivationOf: null })
  const situation = makeSituation({
    installation: makeInstallation({ state: 'leaving' }),
    transfer: makeTransfer(),
  })
  t.match(decideConfirmation(question, 'text', situation), { refusal: { code: 'deactivation-not-asked' } })
})

t.test('a repeat is of the same request, with the same wish or none', async t => {
  t.equal(digestOf('a.b.c'), digestOf(' a.b.c\n'))
  t.not(digestOf('a.b.c'), digestOf('a.b.d'))
  const question = makeQuestion()
  const { requestId } = question.request
  const issue = makeIssue({ requestId, requestDigest: question.digest })
  const decide = (changes: object) =>
    decideReactivation({ ...question, ...changes }, makeSituation({ issue }), noHistory)
  for (const wish of [null, 10]) t.match(decide({ wish }), { kind: 'repeat', units: 10, unit: 'sessions' })
  t.match(decide({ wish: 11 }), { refusal: { code: 'request-id-reused' } })
  t.match(decide({ digest: 'of another text' }), { refusal: { code: 'request-id-reused' } })
})
