import { randomUUID } from 'node:crypto'
import { messageOf } from '../errors.ts'
import type { License } from '../license/document.ts'
import { formatInstant } from '../license/instant.ts'
import { type MachineRequest, verifyMachineRequest } from '../license/machine-request.ts'
import { type Issuer, whyNotValid } from './authority-files.ts'
import { readEvent } from './ledger/chain.ts'
import { decideConfirmation } from './ledger/confirm-deactivation.ts'
import { decideActivation, decideReactivation, type Keyed, machineSearchOf } from './ledger/decide-license.ts'
import { installationStream } from './ledger/events.ts'
import { readInstallationKey, secretMatches } from './ledger/installation-key.ts'
import { type Situation, unitOf } from './ledger/model.ts'
import { digestOf, type LicenseDecision, type Question } from './ledger/question.ts'
import { type Refusal, refusal } from './ledger/refusals.ts'
import {
  findSameMachine,
  type History,
  historyEvents,
  needsHistory,
  noHistory,
  readHistory,
} from './ledger/same-machine.ts'
import { repeatLicense } from './repeated-license.ts'
import type {
  Answer,
  ConfirmationAnswer,
  LicenseAnswer,
  LicensingService,
  Readiness,
  RefusalAnswer,
  SubmitOptions,
} from './service.ts'
import { signLicense } from './sign-license.ts'
import type { LedgerStore } from './store/store.ts'
import { type IssuerSource, unrevokedIssuer } from './unrevoked-issuer.ts'

export interface LicensingOptions {
  store: LedgerStore
  /** What signs now; asked anew for each license, so that a renewed certificate is taken up. May throw a Fault. */
  issuer: IssuerSource
  /** Milliseconds since the epoch. */
  now?: () => number
  /** True for the embedded demonstration, whose licenses say so. */
  demonstration?: boolean
}

/** How often a decision is made again because somebody else changed what it rests on. */
const maxAttempts = 10

/**
 * With fewer signatures under way, the ledger is asked to hurry: what it gathers is what there is to sign next. Each
 * takes nearly a millisecond, so that the next ones come before the thread pool has none.
 */
const fewSignatures = 8

type Reply = LicenseAnswer | RefusalAnswer

/** The service over one ledger and one issuing certificate. It keeps no state that others need: any number may share a ledger. */
export function createLicensingService(options: LicensingOptions): LicensingService {
  return new Licensing(options)
}

class Licensing implements LicensingService {
  readonly #store: LedgerStore
  readonly #issuer: IssuerSource
  readonly #now: () => number
  readonly #demonstration: boolean
  #signaturesUnderWay = 0

  constructor({ store, issuer, now = Date.now, demonstration = false }: LicensingOptions) {
    this.#store = store
    this.#issuer = issuer
    this.#now = now
    this.#demonstration = demonstration
  }

  async submit(requestText: string, options: SubmitOptions = {}): Promise<Answer> {
    const asked = await this.#read(requestText, options.sessions)
    if (!asked.ok) return refused(asked.refusal)
    const { question } = asked
    const installationKey = options.installationKey?.trim() ?? ''
    if (question.request.deactivationOf !== null) return this.#confirm(question, requestText)
    if (installationKey !== '') return this.#activate(question, installationKey)
    if (question.request.installationId !== null) return this.#reactivate(question)
    return refused(refusal('installation-key-required', {}))
  }

  async activate(
    requestText: string,
    options: { installationKey: string; sessions?: number },
  ): Promise<Reply> {
    const asked = await this.#read(requestText, options.sessions)
    if (!asked.ok) return refused(asked.refusal)
    const misplaced = findMisplaced(asked.question.request, 'license')
    if (misplaced !== null) return refused(misplaced)
    return this.#activate(asked.question, options.installationKey)
  }

  async reactivate(requestText: string, options: { sessions?: number } = {}): Promise<Reply> {
    const asked = await this.#read(requestText, options.sessions)
    if (!asked.ok) return refused(asked.refusal)
    const misplaced = findMisplaced(asked.question.request, 'license')
    if (misplaced !== null) return refused(misplaced)
    return this.#reactivate(asked.question)
  }

  async confirmDeactivation(requestText: string): Promise<ConfirmationAnswer | RefusalAnswer> {
    const asked = await this.#read(requestText, undefined)
    if (!asked.ok) return refused(asked.refusal)
    const misplaced = findMisplaced(asked.question.request, 'confirmation')
    if (misplaced !== null) return refused(misplaced)
    return this.#confirm(asked.question, requestText)
  }

  async revocationLists(): Promise<string[]> {
    return (await this.#store.revocationLists()).map(({ text }) => text)
  }

  async readiness(): Promise<Readiness> {
    let ledgerProblem: string | null = null
    let lists: string[] = []
    try {
      await this.#store.ping()
      lists = await this.revocationLists()
    } catch (error) {
      ledgerProblem = messageOf(error)
    }
    try {
      const [certificate] = unrevokedIssuer(this.#issuer, lists).chain
      const issuerProblem = whyNotValid(certificate, this.#now())
      const issuerValidUntil = formatInstant(certificate.validToDate.getTime())
      const ready = ledgerProblem === null && issuerProblem === null
      return { ready, ledgerProblem, issuerProblem, issuerValidUntil }
    } catch (error) {
      return { ready: false, ledgerProblem, issuerProblem: messageOf(error), issuerValidUntil: null }
    }
  }

  /** Verifies a request, and gathers what the decision about it may not make up itself. */
  async #read(
    requestText: string,
    sessions: number | undefined,
  ): Promise<{ ok: true; question: Question } | { ok: false; refusal: Refusal }> {
    const now = this.#now()
    const verdict = await verifyMachineRequest(requestText, now)
    if (!verdict.ok) return { ok: false, refusal: { ...verdict.problem, representative: null } }
    const { request, jkt } = verdict
    const wish = sessions ?? request.sessions
    const fresh = { licenseId: randomUUID(), installationId: randomUUID() }
    const digest = digestOf(requestText)
    return {
      ok: true,
      question: { request, jkt, wish, digest, now, demonstration: this.#demonstration, fresh },
    }
  }

  #activate(question: Question, typedKey: string): Promise<Reply> {
    return this.#settle(async () => {
      const opened = await this.#open(typedKey)
      if ('refusal' in opened) return { kind: 'refuse', refusal: opened.refusal, change: null }
      const candidates = await this.#store.candidates(machineSearchOf(question, opened))
      const seen = candidates.map(({ installationId }) => installationId)
      const same = findSameMachine(candidates, {
        jkt: question.jkt,
        fingerprint: question.request.fingerprint,
      })
      const situation = same === null ? null : await this.#store.situation(same.installationId)
      const history = situation === null ? noHistory : await this.#history(question, situation)
      return decideActivation(question, { ...opened, seen }, situation, history)
    })
  }

  #reactivate(question: Question): Promise<Reply> {
    return this.#settle(async () => {
      const { installationId } = question.request
      const situation = installationId === null ? null : await this.#store.situation(installationId)
      if (situation === null) {
        return { kind: 'refuse', refusal: refusal('installation-unknown', { installationId }), change: null }
      }
      return decideReactivation(question, situation, await this.#history(question, situation))
    })
  }

  async #confirm(question: Question, requestText: string): Promise<ConfirmationAnswer | RefusalAnswer> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const { installationId } = question.request
      const situation = installationId === null ? null : await this.#store.situation(installationId)
      if (situation === null) return refused(refusal('installation-unknown', { installationId }))
      const decision = decideConfirmation(question, requestText, situation)
      if (decision.kind === 'refuse') return refused(decision.refusal)
      const answer = { kind: 'confirmed', installationId: situation.installation.installationId } as const
      if (decision.kind === 'repeat') return { ...answer, repeated: true }
      if (await this.#store.commit(decision.change)) return { ...answer, repeated: false }
    }
    return refused(refusal('server-busy', {}))
  }

  /** Looks the key up and compares its secret; then all that it opens. */
  async #open(typedKey: string): Promise<Omit<Keyed, 'seen'> | { refusal: Refusal }> {
    const read = readInstallationKey(typedKey)
    if (!read.ok) return { refusal: refusal('installation-key-malformed', { why: read.why }) }
    const key = await this.#store.key(read.keyId)
    if (!secretMatches(read.secretHash, key?.secretHash ?? null) || key === null) {
      return { refusal: refusal('installation-key-unknown', {}) }
    }
    const pool = await this.#store.pool(key.poolId)
    const customer = pool === null ? null : await this.#store.customer(pool.customerId)
    const transfer = key.transferId === null ? null : await this.#store.transfer(key.transferId)
    if (pool === null || customer === null) throw new TypeError(`Key ${key.keyId} has no pool.`)
    return { key, pool, customer, transfer }
  }

  async #history(question: Question, { installation }: Situation): Promise<History> {
    if (!needsHistory(question, installation)) return noHistory
    const stream = installationStream(installation.installationId)
    return readHistory((await this.#store.latestEvents(stream, historyEvents)).map(readEvent))
  }

  /** Decides, signs, and writes claim and license together; decides again where somebody else was first. */
  async #settle(decide: () => Promise<LicenseDecision>): Promise<Reply> {
    let payload = ''
    let license = ''
    let lists: string[] = []
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const decision = await decide()
      if (decision.kind === 'repeat') {
        const { licenseId, installationId } = decision.issue
        const issued = await this.#store.issuedLicense(licenseId, installationId)
        if (issued !== null) return this.#answerRepeat(decision, issued)
        continue
      }
      if (decision.kind === 'refuse') {
        if (decision.change === null || (await this.#store.commit(decision.change))) {
          return refused(decision.refusal)
        }
        continue
      }
      const decided = JSON.stringify(decision.license)
      if (decided !== payload) {
        lists = await this.revocationLists()
        license = await this.#sign(decision.license, unrevokedIssuer(this.#issuer, lists), decided)
      }
      payload = decided
      if (await this.#store.commit({ ...decision.change, issue: { ...decision.issue, license } })) {
        return answerOf(decision.license, license, lists)
      }
    }
    return refused(refusal('server-busy', {}))
  }

  async #sign(license: License, issuer: Issuer, text: string): Promise<string> {
    this.#signaturesUnderWay += 1
    if (this.#signaturesUnderWay === fewSignatures) this.#store.hurry(false)
    try {
      return await signLicense(license, issuer, text)
    } finally {
      if (this.#signaturesUnderWay === fewSignatures) this.#store.hurry(true)
      this.#signaturesUnderWay -= 1
    }
  }

  async #answerRepeat(
    { issue, units, unit, blocked }: Extract<LicenseDecision, { kind: 'repeat' }>,
    issued: string,
  ): Promise<LicenseAnswer> {
    const { licenseId, installationId, generation, deactivated } = issue
    const revocationLists = await this.revocationLists()
    const license = blocked ? issued : await repeatLicense(issued, revocationLists, this.#issuer)
    const about = { licenseId, installationId, generation, units, unit, deactivated }
    return { kind: 'license', license, revocationLists, ...about, repeated: true }
  }
}

function answerOf(license: License, text: string, revocationLists: string[]): LicenseAnswer {
  const { licenseId, installationId, generation, deactivated, product } = license
  const unit = unitOf(product === 'studio' ? 'studio' : 'call-services')
  const units = license.maxSessions + license.seats
  const about = { licenseId, installationId, generation, units, unit, deactivated }
  return { kind: 'license', license: text, revocationLists, ...about, repeated: false }
}

/** The request is of the kind that was called for, or the refusal. */
function findMisplaced(
  { deactivationOf }: MachineRequest,
  called: 'license' | 'confirmation',
): Refusal | null {
  const names = { license: 'a request for a license', confirmation: 'a confirmation of deactivation' }
  const found = deactivationOf === null ? 'license' : 'confirmation'
  if (found === called) return null
  return refusal('request-kind-mismatch', { expected: names[called], found: names[found] })
}

function refused(of: Refusal): RefusalAnswer {
  return { kind: 'refused', refusal: of }
}
