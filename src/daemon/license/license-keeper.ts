import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault, messageOf } from '../../errors.ts'
import type { ChainTrust } from '../../license/chain.ts'
import type { License } from '../../license/document.ts'
import type { Product } from '../../license/fields.ts'
import { fingerprintIfAny } from '../../license/fingerprint.ts'
import type { LicenseIdentity } from '../../license/in-force.ts'
import type { Lifecycle } from '../../license/lifecycle.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../log.ts'
import { readMachineFacts } from '../machine/facts.ts'
import { loadOrCreateMachineKey } from '../machine/machine-key.ts'
import { watchFile } from './file-watch.ts'
import type { LicenseOrigin } from './license-event.ts'
import {
  type LicenseArchive,
  LicenseStore,
  type Offered,
  type Rejection,
  type Reload,
} from './license-store.ts'
import { type ClockArchive, LicenseTimekeeper } from './license-time.ts'
import { type KeptLists, keepLists } from './revocation-lists.ts'
import { readTrust, trustSourcesOf } from './trust.ts'

/** A license is a few kilobytes: who writes one is done by then. */
const SETTLE_MS = 200

export interface KeeperOptions {
  readonly config: Config
  /** What the license is for. Default: Call Services as the configuration says. */
  readonly licensed?: Licensed
  readonly archive: LicenseArchive & ClockArchive
  readonly clocks: { readonly wallNow: () => number; readonly monotonicNow: () => number }
  readonly log: Logger
  /** Told of a license file that was not taken, once. */
  readonly onRejected?: (rejection: Rejection) => void
}

/** A product on this machine, and where its license lies. */
export interface Licensed {
  readonly product: Product
  readonly version: string
  readonly file: string
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
  readonly #licensed: Licensed
  readonly #onRejected: (rejection: Rejection) => void
  #config: Config
  #standing: Standing
  #isTimeKept = true
  /** Of a file that is not taken, and may still be being written. */
  #untold: Extract<Reload, { outcome: 'rejected' }> | null = null
  #stopWatching: () => void = () => undefined

  static async open(options: KeeperOptions): Promise<LicenseKeeper> {
    const { config, archive, clocks, log } = options
    const timekeeper = new LicenseTimekeeper(archive, clocks)
    const { product, version, file } = options.licensed ?? callServicesOf(config)
    const settings = {
      file,
      product,
      version,
      machine: await readMachine(config, log),
      archive,
      now: () => timekeeper.now(),
      nowAfter: (issuedAt: number) => timekeeper.nowAfter(issuedAt),
    }
    const store = new LicenseStore(settings, await trustOrNone(config, log))
    const reload = await openOrLater(store, log)
    const keeper = new LicenseKeeper(store, timekeeper, options)
    keeper.#report(reload)
    return keeper
  }

  private constructor(store: LicenseStore, timekeeper: LicenseTimekeeper, options: KeeperOptions) {
    const { config, log, licensed } = options
    this.#store = store
    this.#timekeeper = timekeeper
    this.#log = log
    this.#config = config
    this.#licensed = licensed ?? callServicesOf(config)
    this.#onRejected = options.onRejected ?? (() => undefined)
    this.#standing = this.#read()
  }

  get licensed(): Licensed {
    return this.#licensed
  }

  get license(): License | null {
    return this.#standing.license
  }

  /** See LicenseStore.identity. */
  get identity(): LicenseIdentity | null {
    return this.#store.identity
  }

  get lifecycle(): Lifecycle {
    return this.#standing.lifecycle
  }

  get rejection(): Rejection | null {
    return this.#store.rejection
  }

  /** Looks at license file and revocation lists whenever they change, until `close`. */
  watch(): void {
    const lists = trustSourcesOf(this.#config).keptListsDirectory
    const stops = [
      watchFile(this.#licensed.file, () => this.#follow(() => this.#lookAtWritten())),
      watchFile(lists, () => this.#follow(() => this.reload(this.#config))),
    ]
    this.#stopWatching = () => {
      for (const stop of stops) stop()
    }
    // What was laid down between `open` and now.
    this.#follow(() => this.#look())
  }

  /** Reads roots, revocation lists and license file anew. What cannot be read leaves the old in force. */
  async reload(config: Config): Promise<void> {
    this.#config = config
    try {
      this.#report(await this.#store.renewTrust(await readTrustOf(config, this.#log)))
    } catch (error) {
      const hint = error instanceof Fault ? error.hint : undefined
      this.#log.error({ hint }, `The trusted roots are left as they were: ${messageOf(error)}`)
      await this.#look()
    }
  }

  /** Takes the license that the licensing server sent into force, if it is good; see LicenseStore.offer. */
  async offer(text: string, basedOn: License | null, origin?: LicenseOrigin): Promise<Offered> {
    // A file that was laid down meanwhile comes first: it must not be overwritten unread.
    await this.#look()
    const offered = await this.#store.offer(text, basedOn, origin)
    if (offered.outcome === 'accepted') this.#report(offered)
    return offered
  }

  /** Keeps the revocation lists that came with a license, and judges every license by them at once. */
  async keepRevocations(texts: readonly string[]): Promise<KeptLists['problems']> {
    const sources = trustSourcesOf(this.#config)
    const { trustedRoots } = await readTrust(sources)
    const { changed, problems } = await keepLists(sources.keptListsDirectory, texts, trustedRoots)
    if (changed) await this.reload(this.#config)
    return problems
  }

  async #look(): Promise<void> {
    this.#report(await this.#store.reload())
  }

  /** Whoever copies a license writes it bit by bit: a file that is not taken is told only if that stays so a moment. */
  async #lookAtWritten(): Promise<void> {
    const reload = await this.#store.reload()
    if (reload.outcome !== 'rejected') return this.#report(reload)
    this.#untold = reload
    await delay(SETTLE_MS, undefined, { ref: false })
    if (this.#untold === reload) this.#tellUntold()
  }

  #tellUntold(): void {
    const reload = this.#untold
    const now = this.#store.rejection
    this.#untold = null
    const isSame = now?.code === reload?.rejection.code && now?.message === reload?.rejection.message
    if (reload !== null && isSame) this.#report(reload)
  }

  #follow(act: () => Promise<void>): void {
    act().catch(error => this.#log.error({ error }, 'The license file could not be judged.'))
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

  /** Moves license time on: call about once a minute. Where it cannot be kept, it runs on in memory. */
  advance(): void {
    try {
      this.#timekeeper.advance()
      this.#isTimeKept = true
    } catch (error) {
      if (this.#isTimeKept) this.#log.error({ error }, 'License time cannot be kept for the next start.')
      this.#isTimeKept = false
    }
  }

  close(): void {
    this.#stopWatching()
    this.#tellUntold()
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
      this.#onRejected(reload.rejection)
    }
    if (reload.outcome === 'accepted') {
      this.#timekeeper.witness(Date.parse(reload.license.issuedAt))
      this.#log.info(licenseFields(this.#read()), 'A new license is in force.')
    }
    this.look()
  }
}

/** Where the archive can be read but not written, what it holds is in force; a new license file waits. */
async function openOrLater(store: LicenseStore, log: Logger): Promise<Reload> {
  try {
    return await store.open()
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'state-not-usable') throw error
    const { message, hint } = error
    log.error({ hint }, `A new license file is not taken before the state can be written. ${message}`)
    return { outcome: 'unchanged' }
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

function callServicesOf({ product, license }: Config): Licensed {
  return { product: 'call-services', version: product.version, file: license.file }
}

async function readMachine({ stateDirectory, machine }: Config, log: Logger) {
  const { jkt } = await loadOrCreateMachineKey(join(stateDirectory, 'machine'))
  const credentialsDirectory = process.env['CREDENTIALS_DIRECTORY'] ?? null
  const { facts, unreadable } = readMachineFacts({ root: machine.root, credentialsDirectory })
  if (unreadable.length > 0) log.warn({ unreadable }, 'Some facts of this machine could not be read.')
  return { jkt, fingerprint: fingerprintIfAny(facts) }
}

async function readTrustOf(config: Config, log: Logger): Promise<ChainTrust> {
  const trust = await readTrust(trustSourcesOf(config))
  for (const { path, why } of trust.damagedLists) {
    log.error(
      { path, why },
      'A revocation list is damaged and left out; the next reactivation brings it anew.',
    )
  }
  return trust
}

/** Without roots no license can be believed; the daemon runs all the same, and says what is missing. */
async function trustOrNone(config: Config, log: Logger): Promise<ChainTrust> {
  try {
    return await readTrustOf(config, log)
  } catch (error) {
    const hint = error instanceof Fault ? error.hint : undefined
    log.error({ hint }, `No license can be believed. ${messageOf(error)}`)
    return { trustedRoots: [], revoked: new Set() }
  }
}
