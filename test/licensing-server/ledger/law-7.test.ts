import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { fingerprintOf } from '../../../src/license/fingerprint.ts'
import { decideConfirmation } from '../../../src/licensing-server/ledger/confirm-deactivation.ts'
import { decideActivation, decideReactivation } from '../../../src/licensing-server/ledger/decide-license.ts'
import { createKey } from '../../../src/licensing-server/ledger/keys.ts'
import { addUnits, openPool, putCustomer } from '../../../src/licensing-server/ledger/pools.ts'
import type { LicenseDecision, Question } from '../../../src/licensing-server/ledger/question.ts'
import { findSameMachine, noHistory } from '../../../src/licensing-server/ledger/same-machine.ts'
import { forceTransfer, startTransfer } from '../../../src/licensing-server/ledger/transfers.ts'
import { poolTerms, randomFacts, representative } from '../vendor.ts'
import { PaperLedger } from './paper-ledger.ts'
import { act, jktOf, makeQuestion } from './setting.ts'

// Law 7: "Sum of claims ≤ pool total, always, under any concurrency; reactivation consumes nothing; raising a claim
// consumes the difference; a claim never shrinks and never returns, except through a transfer by an account
// representative." Here: over random histories of the decisions. Concurrency is tested on the real stores.

const machineCount = 5

/** What one machine remembers, as a daemon would. */
interface Memory {
  installationId: string | null
  generation: number
  earlierRequestIds: string[]
  licenseId: string | null
  deactivated: boolean
}

const machine = fc.nat(machineCount - 1)
const acts = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('activate' as const),
      machine,
      sessions: fc.integer({ min: 1, max: 50 }),
      lost: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('reactivate' as const),
      machine,
      sessions: fc.option(fc.integer({ min: 1, max: 50 })),
      lost: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('add' as const), units: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('transfer' as const), machine, forced: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('confirm' as const), machine }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const), machine, transfer: fc.nat(3) }) },
)
type Act = typeof acts extends fc.Arbitrary<infer Each> ? Each : never

class History {
  readonly ledger = new PaperLedger()
  readonly #machines = Array.from({ length: machineCount }, (_, number) => ({
    jkt: jktOf(`machine-${number}`),
    fingerprint: fingerprintOf(randomFacts()),
    memory: {
      installationId: null,
      generation: 0,
      earlierRequestIds: [],
      licenseId: null,
      deactivated: false,
    } as Memory,
  }))
  #keys = 0

  constructor(total: number) {
    this.ledger.apply(putCustomer(null, { customerId: 'acme', name: 'Acme', representative }, act))
    const customer = this.ledger.customers.get('acme')!
    this.ledger.apply(
      openPool(customer, { poolId: 'p', product: 'call-services', total, terms: poolTerms }, act),
    )
    this.ledger.apply(createKey(this.pool(), this.#newKey(), 'key', act))
  }

  pool() {
    return this.ledger.pools.get('p')!
  }

  #newKey(): { keyId: string; secretHash: string } {
    this.#keys += 1
    return { keyId: `KEY-${this.#keys}`, secretHash: '' }
  }

  #question(number: number, sessions: number | null, deactivationOf: string | null = null): Question {
    const { jkt, fingerprint, memory } = this.#machines[number]!
    const { installationId, generation, earlierRequestIds } = memory
    const content = { installationId, generation, earlierRequestIds: [...earlierRequestIds], fingerprint }
    return makeQuestion({ ...content, sessions, deactivationOf }, { jkt })
  }

  carryOut(one: Act): LicenseDecision | null {
    switch (one.do) {
      case 'add':
        this.ledger.apply(addUnits(this.pool(), one.units, act))
        return null
      case 'activate':
        return this.#activate(one.machine, 'KEY-1', one.sessions, one.lost)
      case 'take': {
        const transfer = [...this.ledger.transfers.values()][one.transfer]
        return transfer === undefined ? null : this.#activate(one.machine, transfer.keyId, null, false)
      }
      case 'reactivate':
        return this.#reactivate(one.machine, one.sessions, one.lost)
      case 'transfer':
        return this.#transfer(one.machine, one.forced)
      case 'confirm':
        return this.#confirm(one.machine)
    }
  }

  #activate(number: number, keyId: string, sessions: number | null, lost: boolean): LicenseDecision {
    const { ledger } = this
    const question = this.#question(number, sessions)
    const candidates = [...ledger.installations.values()]
    const same = findSameMachine(candidates, { jkt: question.jkt, fingerprint: question.request.fingerprint })
    const key = ledger.keys.get(keyId)!
    const transfer = key.transferId === null ? null : ledger.transfers.get(key.transferId)!
    const keyed = { key, pool: this.pool(), customer: ledger.customers.get('acme')!, transfer, seen: [] }
    const situation = same === null ? null : ledger.situation(same.installationId)
    return this.#receive(number, question, decideActivation(question, keyed, situation, noHistory), lost)
  }

  #reactivate(number: number, sessions: number | null, lost: boolean): LicenseDecision | null {
    const { installationId } = this.#machines[number]!.memory
    if (installationId === null) return null
    const question = this.#question(number, sessions)
    const decision = decideReactivation(question, this.ledger.situation(installationId), noHistory)
    return this.#receive(number, question, decision, lost)
  }

  #receive(number: number, question: Question, decision: LicenseDecision, lost: boolean): LicenseDecision {
    const { memory } = this.#machines[number]!
    if (decision.kind === 'refuse' && decision.change !== null) this.ledger.apply(decision.change)
    if (decision.kind !== 'issue') return decision
    this.ledger.apply({ ...decision.change, issue: { ...decision.issue, license: 'signed' } })
    if (lost) memory.earlierRequestIds.push(question.request.requestId)
    else {
      const { installationId, generation, licenseId, deactivated } = decision.license
      Object.assign(memory, { installationId, generation, licenseId, deactivated, earlierRequestIds: [] })
    }
    return decision
  }

  #transfer(number: number, forced: boolean): null {
    const { installationId } = this.#machines[number]!.memory
    if (installationId === null) return null
    const situation = this.ledger.situation(installationId)
    if (situation.installation.state === 'deactivated') return null
    if (situation.installation.state === 'leaving' && !forced) return null
    const fresh = { transferId: randomUUID(), key: this.#newKey() }
    this.ledger.apply(
      forced ? forceTransfer(situation, fresh, 'declared', act) : startTransfer(situation, fresh, act),
    )
    return null
  }

  #confirm(number: number): null {
    const { installationId, licenseId, deactivated } = this.#machines[number]!.memory
    if (installationId === null || !deactivated) return null
    const question = this.#question(number, null, licenseId)
    const decision = decideConfirmation(question, 'signed', this.ledger.situation(installationId))
    if (decision.kind === 'confirmed') this.ledger.apply(decision.change)
    return null
  }
}

function claims(ledger: PaperLedger): number {
  const units = [...ledger.installations.values(), ...ledger.transfers.values()].map(row => row.units)
  return units.reduce((sum, each) => sum + each, 0)
}

function checkStep(
  history: History,
  one: Act,
  before: { claimed: number; units: Map<string, number> },
  decision: LicenseDecision | null,
): void {
  const { ledger } = history
  const pool = history.pool()
  const fail = (what: string) => {
    throw new Error(`${what} after ${JSON.stringify(one)}`)
  }
  if (pool.claimed > pool.total) fail(`${pool.claimed} claimed of ${pool.total}`)
  if (pool.claimed !== claims(ledger)) fail(`the pool says ${pool.claimed}, the claims are ${claims(ledger)}`)
  if (pool.claimed < before.claimed) fail('something returned to the pool')
  for (const { installationId, units, state, standing } of ledger.installations.values()) {
    const had = before.units.get(installationId) ?? 0
    if (units < had && state !== 'deactivated') fail(`a claim shrank from ${had} to ${units}`)
    if (standing !== 'good') fail('an honest machine was suspected')
  }
  if (decision?.kind !== 'issue') {
    if (one.do !== 'transfer' && pool.claimed !== before.claimed) fail('a refusal claimed something')
    return
  }
  const { license } = decision
  const owned = ledger.installations.get(license.installationId)!
  if (license.maxSessions !== (license.deactivated ? 0 : owned.units)) fail('the license says something else')
  if (license.deactivated !== (owned.state !== 'active')) fail('who left is not told, or who did not is')
  const taken = pool.claimed - before.claimed
  const difference = owned.units - (before.units.get(license.installationId) ?? 0)
  if (one.do === 'reactivate' && taken !== difference) fail('a raise took something else than the difference')
  if (one.do === 'reactivate' && one.sessions === null && taken !== 0)
    fail('a reactivation consumed something')
}

t.test('Law 7 holds over every history', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), fc.array(acts, { maxLength: 60 }), (total, steps) => {
      const history = new History(total)
      for (const one of steps) {
        const before = {
          claimed: history.pool().claimed,
          units: new Map(
            [...history.ledger.installations.values()].map(row => [row.installationId, row.units]),
          ),
        }
        checkStep(history, one, before, history.carryOut(one))
      }
      const flaws = history.ledger.flaws()
      if (flaws.length > 0) throw new Error(flaws.join('\n'))
    }),
    { numRuns: 300 },
  )
})

t.test('the histories reach every kind of step', async t => {
  const seen = new Set<string>()
  for (const steps of fc.sample(fc.array(acts, { minLength: 40, maxLength: 60 }), { numRuns: 60, seed: 7 })) {
    const history = new History(100)
    for (const one of steps) {
      const decision = history.carryOut(one)
      if (decision?.kind === 'refuse') seen.add(decision.refusal.code)
      if (decision?.kind === 'issue') seen.add(decision.license.deactivated ? 'deactivating' : 'license')
    }
    for (const { state } of history.ledger.transfers.values()) seen.add(`transfer ${state}`)
  }
  t.match([...seen].sort(), [
    'deactivating',
    'license',
    'lowering-refused',
    'pool-exhausted',
    'transfer completed',
    'transfer leaving',
    'transfer waiting',
    'transfer-key-used',
    'transfer-unconfirmed',
  ])
})
