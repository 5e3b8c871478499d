import {
  advanceLicenseClock,
  type LicenseClock,
  licenseTime,
  unsetLicenseClock,
  witnessLicense,
} from '../../license/license-time.ts'

/** Where the clock is kept across restarts; the state database. */
export interface ClockArchive {
  read(name: string): string | null
  write(name: string, value: string): void
}

const NAME = 'license-clock'

/** License time of this machine: see license/license-time.ts for what it is and why. */
export class LicenseTimekeeper {
  readonly #archive: ClockArchive
  readonly #wallNow: () => number
  readonly #monotonicNow: () => number
  #clock: LicenseClock
  #advancedAt: number

  constructor(archive: ClockArchive, clocks: { wallNow: () => number; monotonicNow: () => number }) {
    this.#archive = archive
    this.#wallNow = clocks.wallNow
    this.#monotonicNow = clocks.monotonicNow
    this.#advancedAt = clocks.monotonicNow()
    this.#clock = readClock(archive.read(NAME))
  }

  now(): number {
    return licenseTime(this.#wallNow(), this.#clock)
  }

  /** License time as it would be after a license of that date of issue came into force. */
  nowAfter(issuedAt: number): number {
    return licenseTime(this.#wallNow(), witnessLicense(this.#clock, issuedAt))
  }

  /** Call about once a minute, and at the stop. */
  advance(): void {
    const monotonicNow = this.#monotonicNow()
    const ranMs = monotonicNow - this.#advancedAt
    this.#advancedAt = monotonicNow
    this.#keep(advanceLicenseClock(this.#clock, this.#wallNow(), ranMs))
  }

  /** A license came into force. */
  witness(issuedAt: number): void {
    this.#keep(witnessLicense(this.#clock, issuedAt))
  }

  #keep(clock: LicenseClock): void {
    this.#clock = clock
    this.#archive.write(NAME, JSON.stringify(clock))
  }
}

function readClock(text: string | null): LicenseClock {
  return text === null ? unsetLicenseClock : (JSON.parse(text) as LicenseClock)
}
