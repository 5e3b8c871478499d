import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import type { ChainTrust } from '../../license/chain.ts'
import type { License } from '../../license/document.ts'
import { fingerprintIfAny } from '../../license/fingerprint.ts'
import type { Lifecycle } from '../../license/lifecycle.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../log.ts'
import { readMachineFacts } from '../machine/facts.ts'
import { loadOrCreateMachineKey } from '../machine/machine-key.ts'
import { watchFile } from './file-watch.ts'
import { type LicenseArchive, LicenseStore, type Rejection, type Reload } from './license-store.ts'
import { type ClockArchive, LicenseTimekeeper } from './license-time.ts'
import { readTrust } from './trust.ts'

export interface KeeperOptions {
  readonly config: Config
  readonly archive: LicenseArchive & ClockArchive
  readonly clocks: { readonly wallNow: () => number; readonly monotonicNow: () => number }
  readonly log: Logger
}

/** The license and what it means now. */
export interface Standing {
  readonly license: License | null
  readonly lifecycle: Lifecycle
}

/**
 * Keeps the license of this machine: takes new ones into force, follows the time, and logs each change of
 * state once. `onChange` is told whenever license or lifecycle became another.
 */
export class LicenseKeeper {
  onChange: (before: Standing) => void = () => undefined
  readonly #store: LicenseStore
  readonly #timekeeper: LicenseTimekeeper
  readonly #log: Logger
  readonly #file: string
  #standing: Standing
  #stopWatching: () => void = () => undefined

  static async open(options: KeeperOptions): Promise<LicenseKeeper> {
    const { config, archive, clocks, log } = options
    const timekeeper = new LicenseTimekeeper(archive, clocks)
    const settings = {
      file: config.license.file,
      version: config.product.version,
      machine: await readMachine(config.stateDirectory, log),
      archive,
      now: () => timekeeper.now(),
    }
    const store = new LicenseStore(settings, await trustOrNone(config, log))
    const reload = await store.open()
    const keeper = new LicenseKeeper(store, timekeeper, log, config.license.file)
    keeper.#report(reload)
    return keeper
  }

  private constructor(store: LicenseStore, timekeeper: LicenseTimekeeper, log: Logger, file: string) {
    this.#store = store
    this.#timekeeper = timekeeper
    this.#log = log
    this.#file = file
    this.#standing = this.#read()
  }

  get license(): License | null {
    return this.#standing.license
  }

  get lifecycle(): Lifecycle {
    return this.#standing.lifecycle
  }

  get rejection(): Rejection | null {
    return this.#store.rejection
  }

  /** Looks at the license file whenever it changes, until `close`. */
  watch(): void {
    this.#stopWatching = watchFile(this.#file, () => {
      this.#store.reload().then(
        reload => this.#report(reload),
        error => this.#log.error({ error }, 'The license file could not be judged.'),
      )
    })
  }

  /** Reads roots, revocation list and license file anew. What cannot be read leaves the old in force. */
  async reload(config: Config): Promise<void> {
    try {
      this.#report(await this.#store.renewTrust(await readTrust(config.license)))
    } catch (error) {
      const hint = error instanceof Fault ? error.hint : undefined
      this.#log.error({ hint }, `The trusted roots are left as they were: ${messageOf(error)}`)
      this.#report(await this.#store.reload())
    }
  }

  /** Follows the time: call about once a second. */
  look(): void {
    const before = this.#standing
    const after = this.#read()
    const { state, admits, message, hint } = after.lifecycle
    const same = before.lifecycle.state === state && before.lifecycle.admits === admits
    if (same && before.license === after.license && before.lifecycle.message === message) return
    this.#standing = after
    this.onChange(before)
    if (same) return
    const level = admits && state !== 'grace' && state !== 'reactivation-overdue' ? 'info' : 'warn'
    this.#log[level]({ from: before.lifecycle.state, ...licenseFields(after), hint }, message)
  }

  /** Moves license time on: call about once a minute. */
  advance(): void {
    this.#timekeeper.advance()
  }

  close(): void {
    this.#stopWatching()
  }

  #read(): Standing {
    return { license: this.#store.license, lifecycle: this.#store.lifecycle() }
  }

  #report(reload: Reload): void {
    if (reload.outcome === 'rejected') {
      const { code, message, hint } = reload.rejection
      this.#log.error(
        { code, hint },
        `The license file was not taken; what was in force stays so. ${message}`,
      )
    }
    if (reload.outcome === 'accepted') {
      this.#timekeeper.witness(Date.parse(reload.license.issuedAt))
      this.#log.info(licenseFields(this.#read()), 'A new license is in force.')
    }
    this.look()
  }
}

/** What a log line tells of a license. */
export function licenseFields({ license, lifecycle }: Standing): object {
  return {
    license: lifecycle.state,
    licenseId: license?.licenseId ?? null,
    generation: license?.generation ?? null,
    limit: license?.maxSessions ?? 0,
  }
}

async function readMachine(stateDirectory: string, log: Logger) {
  const { jkt } = await loadOrCreateMachineKey(join(stateDirectory, 'machine'))
  const credentialsDirectory = process.env['CREDENTIALS_DIRECTORY'] ?? null
  const { facts, unreadable } = readMachineFacts({ credentialsDirectory })
  if (unreadable.length > 0) log.warn({ unreadable }, 'Some facts of this machine could not be read.')
  return { jkt, fingerprint: fingerprintIfAny(facts) }
}

/** Without roots no license can be believed; the daemon runs all the same, and says what is missing. */
async function trustOrNone(config: Config, log: Logger): Promise<ChainTrust> {
  try {
    return await readTrust(config.license)
  } catch (error) {
    const hint = error instanceof Fault ? error.hint : undefined
    log.error({ hint }, `No license can be believed. ${messageOf(error)}`)
    return { trustedRoots: [], revoked: new Set() }
  }
}
