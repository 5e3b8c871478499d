import type { LicenseStore } from '../../src/daemon/license/license-store.ts'
import { type LicenseFile, lastLicense, licenses } from './licenses.ts'
import type { Machine } from './machine.ts'
import { LAWS, Violation } from './violation.ts'

const byText = new Map([...licenses, lastLicense].map(file => [file.text, file]))

/** Which license must be in force, and what it means: known from what was laid down, not from the store. */
export class LicenseBook {
  /** Licensed sessions, as of the last look. */
  limit = 0
  /** Why nothing is granted at all, as of the last look. */
  refusal: string | null = 'unlicensed'
  inForce: LicenseFile | null = null
  readonly #machine: Machine
  #judged: string | null = null

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** The store judged the file. A start judges it again, whatever came of it before. */
  judged(store: LicenseStore, text: string | null, isStart: boolean): void {
    if (text !== null && (isStart || text !== this.#judged)) {
      this.#judged = text
      const file = byText.get(text)
      if (file !== undefined && this.#isTaken(file)) this.inForce = file
      else if (text !== this.inForce?.text && store.rejection === null) {
        throw new Violation(LAWS.replace, `nobody is told that ${file?.name} was not taken`)
      }
    }
    this.#compare(store)
  }

  /** The daemon brought its policy up to date. */
  looked(store: LicenseStore): void {
    this.#compare(store)
    this.#follow()
  }

  #compare(store: LicenseStore): void {
    const id = store.license?.licenseId ?? null
    const generation = id === null ? null : Number(id.slice(-12))
    if (generation !== (this.inForce?.generation ?? null)) {
      throw new Violation(
        LAWS.replace,
        `license ${generation} is in force and not ${this.inForce?.name ?? 'none'}`,
      )
    }
  }

  #isTaken({ good, generation, expiresAt }: LicenseFile): boolean {
    if (!good || this.#isOver(expiresAt)) return false
    return this.inForce === null || generation >= this.inForce.generation
  }

  #isOver(expiresAt: number | null): boolean {
    return expiresAt !== null && this.#machine.wallNow > expiresAt
  }

  #follow(): void {
    const { inForce } = this
    this.limit = inForce?.sessions ?? 0
    if (inForce === null) this.refusal = 'unlicensed'
    else if (this.#isOver(inForce.expiresAt)) this.refusal = 'license-expired'
    else this.refusal = this.#isOver(inForce.requiredBy) ? 'reactivation-required' : null
  }
}
