import type { Refusal, Unit } from './ledger/refusals.ts'

/**
 * What machines ask of the licensing server. The HTTP API, the manual-activation page and the command
 * line all call this and nothing else, so the same rules hold on every way in.
 *
 * Every method takes the text of a machine request (JWS compact serialization, as signed by the machine):
 * the same file whether it was POSTed or carried on a USB stick. Size, signature and schema are checked
 * here; a caller only has to bound what it reads (`requestMaxBytes`).
 *
 * A refusal is a result. What is thrown is a `Fault`: `ledger-unavailable` (retryable: the database did not
 * answer), `issuing-certificate-invalid`, or a bug.
 *
 * Every method is idempotent by the request's id: the same text again gets the same license, and nothing
 * is claimed twice. So a caller may repeat after any failure.
 */
export interface LicensingService {
  /**
   * Takes any machine request: a confirmation of deactivation, a request of an activated machine, or the
   * first one of a machine, which needs an installation key. This is what a page or an import of files calls.
   */
  submit(requestText: string, options?: SubmitOptions): Promise<Answer>

  /**
   * Claims units of the key's pool for the machine, or, where the machine is activated already, refreshes
   * its license (and raises its claim where more sessions are asked for): one machine activating twice is
   * a reactivation. With the key of a transfer, takes over the claim that was moved.
   */
  activate(
    requestText: string,
    options: { installationKey: string; sessions?: number },
  ): Promise<LicenseAnswer | RefusalAnswer>

  /**
   * Brings the latest terms of the pool; consumes nothing, or the difference where the request asks for
   * more sessions than the installation owns. An installation that is being transferred, or was, receives
   * a license that grants nothing (`deactivated`).
   */
  reactivate(requestText: string, options?: { sessions?: number }): Promise<LicenseAnswer | RefusalAnswer>

  /** Takes the machine's signed statement that it runs no more on the license named in it. */
  confirmDeactivation(requestText: string): Promise<ConfirmationAnswer | RefusalAnswer>

  /** The newest signed list of revoked issuing certificates of each root; often none. */
  revocationLists(): Promise<string[]>

  /** Whether this server can issue: reaches its ledger, and holds a valid issuing certificate. Never throws. */
  readiness(): Promise<Readiness>
}

export interface SubmitOptions {
  /** As typed: case, spaces and hyphens do not matter. Needed only by a machine that is not activated yet. */
  installationKey?: string
  /** Overrides the number in the request, for a person who decides it on the page. */
  sessions?: number
}

export type Answer = LicenseAnswer | ConfirmationAnswer | RefusalAnswer

export interface LicenseAnswer {
  kind: 'license'
  /** The signed license: JWS compact serialization, one line. */
  license: string
  /** The vendor's signed lists of revoked issuing certificates, the newest of each root; often empty. */
  revocationLists: string[]
  licenseId: string
  installationId: string
  generation: number
  /** What the installation owns now. 0 where `deactivated`. */
  units: number
  unit: Unit
  /** True in a license that grants nothing; the machine is to install it and confirm. */
  deactivated: boolean
  /** True where this request had been answered before and the same license is given again. */
  repeated: boolean
}

export interface ConfirmationAnswer {
  kind: 'confirmed'
  installationId: string
  /** True where it had been confirmed before. */
  repeated: boolean
}

export interface RefusalAnswer {
  kind: 'refused'
  refusal: Refusal
}

export interface Readiness {
  ready: boolean
  /** Null where the ledger answers; else why not. */
  ledgerProblem: string | null
  /** Null where the issuing certificate is valid; else why not. */
  issuerProblem: string | null
  /** Last instant of the issuing certificate, ISO 8601; null where there is none. */
  issuerValidUntil: string | null
}
