import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { defaultConfig } from '../../src/daemon/config/keys.ts'
import type { Config } from '../../src/daemon/config/schema.ts'
import { readMachineFacts } from '../../src/daemon/machine/facts.ts'
import { loadOrCreateMachineKey } from '../../src/daemon/machine/machine-key.ts'
import type { License } from '../../src/license/document.ts'
import { fingerprintIfAny } from '../../src/license/fingerprint.ts'
import { createMachineRequest, verifyMachineRequest } from '../../src/license/machine-request.ts'
import { type Issuer, readIssuer } from '../../src/licensing-server/authority-files.ts'
import { composeLicense, defaultTerms, type LicenseTerms } from '../../src/licensing-server/issue-license.ts'
import { signLicense } from '../../src/licensing-server/sign-license.ts'
import type { Endpoint } from './raw-client.ts'

/** A vendor for tests alone, made by make-authority.ts: its keys are no secret, and nobody else trusts it. */
export const authorityFolder = join(import.meta.dirname, 'authority')

/** What a test lets run when it ends; `t` of tap is one. */
export interface TearDown {
  teardown(act: () => unknown): unknown
}

/** Settings that differ from the defaults, section by section. */
export type Settings = { [Section in keyof Config]?: Partial<Config[Section]> }

/**
 * All that one daemon needs on a machine, below a temporary folder: configuration, trusted root, machine key,
 * and places for license, state and journal. The license is real: signed for this very machine.
 */
export class Site {
  readonly folder: string
  readonly config: Config
  readonly #issuer: Issuer
  #generation = 0

  constructor(t: TearDown, settings: Settings = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'sessiond-test-'))
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }))
    this.#issuer = readIssuer(authorityFolder, Date.now())
    const config = structuredClone(defaultConfig())
    config.stateDirectory = join(this.folder, 'state')
    config.runtimeDirectory = join(this.folder, 'run')
    config.listen.unix.path = join(this.folder, 'run', 'sessiond.sock')
    config.listen.tcp.port = 0
    config.operations.port = 0
    config.listen.tcp.tokenFile = join(this.folder, 'token')
    config.license.file = join(this.folder, 'license.jws')
    config.license.trustDirectory = join(this.folder, 'trust')
    config.shutdown.drainMs = 0
    for (const [section, values] of Object.entries(settings)) {
      const before = config[section as keyof Config]
      const merged = typeof values === 'object' ? { ...(before as object), ...values } : values
      Object.assign(config, { [section]: merged })
    }
    this.config = config
    for (const directory of [config.stateDirectory, config.runtimeDirectory]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    }
    this.trust()
  }

  get socket(): Endpoint {
    return { path: this.config.listen.unix.path }
  }

  get journalFile(): string {
    return join(this.config.runtimeDirectory, 'sessions.journal')
  }

  get stateFile(): string {
    return join(this.config.stateDirectory, 'state.db')
  }

  /** Puts the vendor's root into the trust directory. */
  trust(): void {
    mkdirSync(this.config.license.trustDirectory, { recursive: true })
    copyFileSync(
      join(authorityFolder, 'trust/root.pem'),
      join(this.config.license.trustDirectory, 'root.pem'),
    )
  }

  /** A license of the next generation for this machine. `changes` are made to the document before it is signed. */
  async sign(
    terms: Partial<LicenseTerms> = {},
    changes: Partial<License> = {},
    issuer: Issuer = this.#issuer,
  ): Promise<string> {
    const { privateKey } = await loadOrCreateMachineKey(join(this.config.stateDirectory, 'machine'))
    const fingerprint = fingerprintIfAny(readMachineFacts().facts)
    const now = Date.now()
    const content = {
      product: 'call-services',
      version: '5.1',
      installationId: installationId,
      generation: this.#generation++,
      sessions: null,
      fingerprint,
      hostname: 'test-machine',
      deactivationOf: null,
    } as const
    const requestText = await createMachineRequest(content, { privateKey, requestId: randomUUID(), now })
    const verdict = await verifyMachineRequest(requestText, now)
    if (!verdict.ok) throw new Error(verdict.problem.message)
    const full = {
      ...defaultTerms,
      customer: { id: 'example', name: 'Example Telecom' },
      maxSessions: 10,
      // A build machine without machine-id can still hold a demonstration license.
      demonstration: fingerprint === null,
      ...terms,
    }
    const license = composeLicense(verdict.request, verdict.jkt, full, now)
    return `${await signLicense({ ...license, ...changes }, issuer)}\n`
  }

  /** Lays a text down as the license file, as `sessionctl license install` does: whole or not at all. */
  install(text: string): void {
    const { file } = this.config.license
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }

  /** Signs a license and lays it down. */
  async license(terms: Partial<LicenseTerms> = {}): Promise<string> {
    const text = await this.sign(terms)
    this.install(text)
    return text
  }

  /** Writes the configuration as a file, for a daemon in a process of its own. */
  writeConfig(): string {
    const file = join(this.folder, 'sessiond.yaml')
    writeFileSync(file, stringify(this.config))
    return file
  }
}

const installationId = '5e551000-0000-4000-8000-000000000001'
