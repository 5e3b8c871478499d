import type { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../errors.ts'
import { nameOf, readTrustedRoots } from '../license/chain.ts'
import type { Logger } from '../log.ts'
import { authorityPaths, type Issuer, readIssuer } from './authority-files.ts'

/** How often the files are looked at, while licenses are signed. */
const lookEveryMs = 5000

/**
 * What this server signs with. A renewed certificate is taken up by itself a few seconds after it was written,
 * or at once by `reload`; until it can be used the one before stays, since renewal writes two files.
 */
export class IssuerKeeper {
  readonly #directory: string
  readonly #log: Logger
  readonly #now: () => number
  #issuer: Issuer
  #written: string
  #lookedAt: number

  /** @throws {Fault} `issuing-certificate-invalid` where there is nothing to sign with */
  constructor(directory: string, log: Logger, now: () => number) {
    this.#directory = directory
    this.#log = log
    this.#now = now
    this.#written = this.#stamp()
    this.#issuer = readIssuer(directory, now())
    this.#lookedAt = now()
  }

  /** `'now'`: looks at the files, whenever they were looked at last. */
  current(look?: 'now'): Issuer {
    if (look === 'now' || Math.abs(this.#now() - this.#lookedAt) >= lookEveryMs) this.reload()
    return this.#issuer
  }

  /** Looks at the files now. */
  reload(): void {
    this.#lookedAt = this.#now()
    const written = this.#stamp()
    if (written === this.#written) return
    try {
      this.#issuer = readIssuer(this.#directory, this.#now())
      this.#written = written
      const [certificate] = this.#issuer.chain
      const issuer = { name: nameOf(certificate), serialNumber: certificate.serialNumber }
      this.#log.info({ issuer }, 'licenses are signed with another certificate from now on')
    } catch (error) {
      this.#log.error({ error }, `the certificate that was renewed cannot be used: ${messageOf(error)}`)
    }
  }

  /** Tells one state of the two files from another; never throws, since reading them says what is wrong. */
  #stamp(): string {
    return [authorityPaths.issuingKey, authorityPaths.issuingCertificate]
      .map(path => {
        const found = statSync(join(this.#directory, path), { throwIfNoEntry: false })
        return found === undefined ? 'none' : `${found.ino} ${found.mtimeMs} ${found.size}`
      })
      .join(', ')
  }
}

/** The roots to which the licenses of this authority lead. A Fault where there is none. */
export function readAuthorityRoots(directory: string): X509Certificate[] {
  const path = join(directory, authorityPaths.trustedRoot)
  try {
    return readTrustedRoots([{ name: path, pem: readFileSync(path, 'utf8') }])
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('authority-root-missing', `The root certificate cannot be read: ${messageOf(error)}`, {
      hint: 'Name the folder that `licensing-server init` made as authority.directory.',
      cause: error,
    })
  }
}
