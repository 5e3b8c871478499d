import { readFileSync } from 'node:fs'
import { messageOf } from '../../errors.ts'
import type { ChainTrust } from '../../license/chain.ts'
import type { License } from '../../license/document.ts'
import type { MachineFingerprint } from '../../license/fingerprint.ts'
import { judgeLicenseInForce } from '../../license/in-force.ts'
import { type Lifecycle, lifecycleOf } from '../../license/lifecycle.ts'
import type { LicenseProblem } from '../../license/problems.ts'
import { verifyLicense } from '../../license/verify.ts'

/** Where accepted licenses are kept; the state database. */
export interface LicenseArchive {
  latestLicense(): string | null
  acceptLicense(text: string, acceptedAt: number): void
}

export interface LicenseStoreOptions {
  /** Where a new license is laid down: by `sessionctl license install`, or by hand. */
  readonly file: string
  readonly version: string
  readonly machine: { readonly fingerprint: MachineFingerprint | null; readonly jkt: string }
  readonly archive: LicenseArchive
  /** License time (license/license-time.ts). */
  readonly now: () => number
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
  /** The content that was judged last, so that the same file is not judged again. */
  #judged: string | null = null
  #reloading: Promise<Reload> = Promise.resolve({ outcome: 'unchanged' })

  constructor(options: LicenseStoreOptions, trust: ChainTrust) {
    this.#options = options
    this.#trust = trust
  }

  get license(): License | null {
    return this.#license
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
  async open(): Promise<Reload> {
    await this.#judgeArchive()
    return this.reload()
  }

  /** Judges everything again, under roots and a revocation list that may have changed. */
  async renewTrust(trust: ChainTrust): Promise<Reload> {
    this.#trust = trust
    this.#judged = null
    return this.open()
  }

  /** Looks at the license file. Calls that come while one is under way are carried out after it. */
  reload(): Promise<Reload> {
    this.#reloading = this.#reloading.then(() => this.#reload())
    return this.#reloading
  }

  async #reload(): Promise<Reload> {
    const text = this.#readFile()
    if (text === null) return { outcome: 'unchanged' }
    if (typeof text !== 'string') return this.#reject(text)
    if (text === this.#judged) return { outcome: 'unchanged' }
    this.#judged = text
    if (text === this.#options.archive.latestLicense() && this.#license !== null) {
      this.#rejection = null
      return { outcome: 'unchanged' }
    }
    const { now } = this.#options
    const previous = this.#license
    const verdict = await verifyLicense(text, {
      ...this.#context(),
      now: now(),
      inForce: previous ?? undefined,
    })
    if (!verdict.ok) return this.#reject({ ...verdict.problem, at: now() })
    this.#options.archive.acceptLicense(text, now())
    this.#license = verdict.license
    this.#machineMatches = true
    this.#problem = null
    this.#rejection = null
    return { outcome: 'accepted', license: verdict.license, previous }
  }

  async #judgeArchive(): Promise<void> {
    const { archive } = this.#options
    const judged = await judgeLicenseInForce(archive.latestLicense(), this.#context(), this.#clock())
    this.#license = judged.license
    this.#machineMatches = judged.lifecycle.state !== 'machine-mismatch'
    this.#problem = judged.problem
  }

  /** Each reactivation brings a license, so its date of issue is the last time the server was heard of. */
  #clock() {
    return { now: this.#options.now(), lastReactivationAt: null }
  }

  #context() {
    const { version, machine } = this.#options
    return {
      ...this.#trust,
      product: 'call-services',
      version,
      fingerprint: machine.fingerprint,
      machineJkt: machine.jkt,
    } as const
  }

  /** Null where there is no file: that takes nothing away. */
  #readFile(): string | Rejection | null {
    try {
      return readFileSync(this.#options.file, 'utf8')
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
