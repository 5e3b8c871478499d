import { Fault, messageOf } from '../../errors.ts'
import type { ChainTrust } from '../../license/chain.ts'
import type { License } from '../../license/document.ts'
import type { Product } from '../../license/fields.ts'
import type { MachineFingerprint } from '../../license/fingerprint.ts'
import {
  identityOfStored,
  judgeLicenseInForce,
  type LicenseIdentity,
  newestOfSameInstallation,
} from '../../license/in-force.ts'
import { type Lifecycle, lifecycleOf } from '../../license/lifecycle.ts'
import type { LicenseProblem } from '../../license/problems.ts'
import { type LicenseVerdict, verifyLicense } from '../../license/verify.ts'
import { writeFileAtomically } from '../../write-file.ts'
import { acceptedEvent, type LicenseEvent, type LicenseOrigin } from './license-event.ts'
import { readSmallFile } from './read-license-file.ts'

/** Where accepted licenses are kept; the state database. */
export interface LicenseArchive {
  latestLicense(): string | null
  /** Those that were accepted, the latest among them. */
  licenses(): readonly { readonly text: string }[]
  /**
   * Keeps a license as the latest, and carries out `guard.lay` in the same step. False, and nothing done, where
   * the latest is neither `guard.after` nor the license itself: another process was first.
   */
  acceptLicense(
    text: string,
    acceptedAt: number,
    guard: {
      readonly after: string | null
      readonly lay: () => void
      readonly origin: LicenseOrigin
      readonly event: LicenseEvent
    },
  ): boolean
}

export interface LicenseStoreOptions {
  /** Where a new license is laid down: by `sessionctl license install`, or by hand. */
  readonly file: string
  /** Default: `call-services`. */
  readonly product?: Product
  readonly version: string
  readonly machine: { readonly fingerprint: MachineFingerprint | null; readonly jkt: string }
  readonly archive: LicenseArchive
  /** License time (license/license-time.ts). */
  readonly now: () => number
  /** License time as it would be once a license of that date of issue is in force. Default: `now`. */
  readonly nowAfter?: (issuedAt: number) => number
}

/** Why the newest license file was not taken. */
export interface Rejection {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly at: number
}

/** What came of looking at the license file. */
export type Reload =
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'accepted'; readonly license: License; readonly previous: License | null }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection }

/** What came of a license that the licensing server sent. */
export type Offered =
  | Extract<Reload, { outcome: 'accepted' | 'rejected' }>
  /** It is in force already. */
  | { readonly outcome: 'known'; readonly license: License }
  /** The license that it was to follow is not in force any more, so it came too late. */
  | { readonly outcome: 'overtaken' }

/** How often another process may be first before somebody is told. Each time it brought a newer license. */
const MAX_TRIES = 5

/**
 * The license in force. A license file is only an offer: it comes into force when it is found good, and is
 * then kept in the archive, so that neither a bad file nor a lost one takes away what was accepted.
 */
export class LicenseStore {
  readonly #options: LicenseStoreOptions
  #trust: ChainTrust
  #license: License | null = null
  #machineMatches = true
  /** What is wrong with the license in the archive, where it cannot be believed any more. */
  #problem: LicenseProblem | null = null
  #rejection: Rejection | null = null
  /** The text of the license in the archive as it was judged last; other processes may have put another there. */
  #archived: string | null = null
  /** The content that was judged last, so that the same file is not judged again. */
  #judged: string | null = null
  #turn: Promise<void> = Promise.resolve()

  constructor(options: LicenseStoreOptions, trust: ChainTrust) {
    this.#options = options
    this.#trust = trust
  }

  get license(): License | null {
    return this.#license
  }

  /**
   * Which installation this machine is: by the license in force, else by the one that was, where it cannot be believed
   * any more. It grants nothing, but it is enough to ask the licensing server for another.
   */
  get identity(): LicenseIdentity | null {
    if (this.#license !== null) return this.#license
    return this.#archived === null ? null : identityOfStored(this.#archived)
  }

  get rejection(): Rejection | null {
    return this.#rejection
  }

  /** What the license in force means now. */
  lifecycle(): Lifecycle {
    const lifecycle = lifecycleOf(this.#license, this.#clock(), { matches: this.#machineMatches })
    if (this.#license !== null || this.#problem === null) return lifecycle
    return { ...lifecycle, message: this.#problem.message, hint: this.#problem.hint }
  }

  /** Takes the license of the archive into force, then the file's if it is good. */
  open(): Promise<Reload> {
    return this.#inTurn(() => this.#judgeAll())
  }

  /** Judges everything again, under roots and a revocation list that may have changed. */
  renewTrust(trust: ChainTrust): Promise<Reload> {
    return this.#inTurn(() => {
      this.#trust = trust
      this.#judged = null
      return this.#judgeAll()
    })
  }

  /** Looks at the license file. Calls that come while one is under way are carried out after it. */
  reload(): Promise<Reload> {
    return this.#inTurn(() => this.#reload())
  }

  /**
   * Takes a license that came over the wire, if it is good, and lays it down as the license file. `basedOn` is
   * the license that was in force when it was asked for: where that is of another installation by now, the
   * answer is late and changes nothing. A Fault `file-not-writable` leaves everything as it was.
   */
  offer(text: string, basedOn: License | null, origin: LicenseOrigin = 'licensing-server'): Promise<Offered> {
    const line = `${text.trim()}\n`
    return this.#inTurn(async () => {
      if (line === this.#archived && this.#license !== null && this.#machineMatches) {
        return { outcome: 'known', license: this.#license }
      }
      const lay = () => writeFileAtomically(this.#options.file, line, { mode: 0o640 })
      const taken = await this.#take(line, lay, basedOn, origin)
      if (taken.outcome === 'accepted') this.#judged = line
      return taken
    })
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act)
    // Who asked hears of a fault; those who come after it do not.
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    )
    return turn
  }

  async #judgeAll(): Promise<Reload> {
    await this.#judgeArchive()
    return this.#reload()
  }

  async #reload(): Promise<Reload> {
    const text = this.#readFile()
    if (text === null) return { outcome: 'unchanged' }
    if (typeof text !== 'string') {
      // Once it can be read, it is judged anew, also where it is what it was before.
      this.#judged = null
      return this.#reject(text)
    }
    if (text === this.#judged) return { outcome: 'unchanged' }
    if (text === this.#archived && this.#license !== null) {
      this.#judged = text
      this.#rejection = null
      return { outcome: 'unchanged' }
    }
    const taken = await this.#take(text, () => undefined, 'anything', 'license-file')
    // Only now: where the archive could not be written, the next look tries again.
    this.#judged = text
    if (taken.outcome === 'accepted') return taken
    return taken.outcome === 'rejected' ? this.#reject(taken.rejection) : { outcome: 'unchanged' }
  }

  /** Judges a license and takes it into force. `basedOn`: see `offer`; a file may replace anything. */
  async #take(
    text: string,
    lay: () => void,
    basedOn: License | null | 'anything',
    origin: LicenseOrigin,
  ): Promise<Exclude<Offered, { outcome: 'known' }>> {
    const { archive, now } = this.#options
    const before = this.#license
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const inForce = this.#license
      const verdict = await this.#judge(text)
      if (!verdict.ok) return { outcome: 'rejected', rejection: { ...verdict.problem, at: now() } }
      const { license } = verdict
      if (basedOn !== 'anything' && isOvertaken(license, basedOn, inForce)) return { outcome: 'overtaken' }
      const event = acceptedEvent(origin, inForce, license, this.#options.file)
      if (archive.acceptLicense(text, now(), { after: this.#archived, lay, origin, event })) {
        this.#archived = text
        this.#license = license
        this.#machineMatches = true
        this.#problem = null
        this.#rejection = null
        return { outcome: 'accepted', license, previous: before }
      }
      // Another process, such as `sessionctl reactivate`, has put a license in force meanwhile.
      await this.#judgeArchive()
    }
    throw new Fault('license-contended', 'Other processes keep putting licenses in force.', {
      retryable: true,
    })
  }

  /**
   * A license that was issued after the license time was poisoned by a wrong clock cures it; so where it would
   * be expired, it is judged at the time that holds once it is in force.
   */
  async #judge(text: string): Promise<LicenseVerdict> {
    const { archive, now, nowAfter } = this.#options
    const stored = archive.licenses().map(kept => kept.text)
    const context = { ...this.#context(), inForce: newestOfSameInstallation(text, stored) ?? undefined }
    const verdict = await verifyLicense(text, { ...context, now: now() })
    if (verdict.ok || verdict.license === undefined || nowAfter === undefined) return verdict
    if (verdict.problem.code !== 'license-expired') return verdict
    return verifyLicense(text, { ...context, now: nowAfter(Date.parse(verdict.license.issuedAt)) })
  }

  async #judgeArchive(): Promise<void> {
    const { archive } = this.#options
    const text = archive.latestLicense()
    const judged = await judgeLicenseInForce(text, this.#context(), this.#clock())
    this.#archived = text
    this.#license = judged.license
    this.#machineMatches = judged.lifecycle.state !== 'machine-mismatch'
    this.#problem = judged.problem
  }

  /**
   * Each reactivation brings a license of its own, also where no term changed, so the date of issue is the last
   * time that the licensing server was heard of.
   */
  #clock() {
    return { now: this.#options.now(), lastReactivationAt: null }
  }

  #context() {
    const { product = 'call-services', version, machine } = this.#options
    return {
      ...this.#trust,
      product,
      version,
      fingerprint: machine.fingerprint,
      machineJkt: machine.jkt,
    } as const
  }

  /** Null where there is no file: that takes nothing away. */
  #readFile(): string | Rejection | null {
    try {
      const read = readSmallFile(this.#options.file)
      return typeof read === 'string' ? read : { ...read, at: this.#options.now() }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      const message = `The license file ${this.#options.file} cannot be read: ${messageOf(error)}`
      const hint = 'Let the group of the daemon read it: mode 0640.'
      return { code: 'license-not-readable', message, hint, at: this.#options.now() }
    }
  }

  #reject(rejection: Rejection): Reload {
    const known = this.#rejection?.code === rejection.code && this.#rejection.message === rejection.message
    this.#rejection = rejection
    return known ? { outcome: 'unchanged' } : { outcome: 'rejected', rejection }
  }
}

/** True where a late answer would replace the license of another installation than it was asked for. */
function isOvertaken(license: License, basedOn: License | null, inForce: License | null): boolean {
  if (inForce === null || inForce.licenseId === basedOn?.licenseId) return false
  return inForce.installationId !== license.installationId
}
