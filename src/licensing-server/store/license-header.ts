import { hash } from 'node:crypto'

/**
 * A license as the ledger keeps it: the header carries the chain of the issuing certificate, is more than half of the
 * text, and is the same in all licenses that one certificate signed. So it is kept once, and the rest by installation.
 */
export interface SplitLicense {
  headerId: string
  header: string
  /** Payload and signature. */
  rest: string
}

export function splitLicense(text: string): SplitLicense {
  // Nearly always that of the license before.
  // Cut and compared, since `startsWith` looks at one character after the other: some thousand, for each license.
  if (text.slice(0, last.start.length) !== last.start) {
    const header = text.slice(0, text.indexOf('.'))
    last = { header, headerId: hash('sha256', header, 'base64url'), start: `${header}.` }
  }
  const { header, headerId, start } = last
  return { header, headerId, rest: text.slice(start.length) }
}

let last = { header: '', headerId: '', start: '.' }

/** The headers that this process has seen to be in the ledger, so that who renews a license need not write one. */
export class KeptHeaders {
  /** One for each issuing certificate. */
  readonly #ids = new Set<string>()

  has(license: string): boolean {
    return this.#ids.has(splitLicense(license).headerId)
  }

  add(license: string): void {
    this.#ids.add(splitLicense(license).headerId)
  }
}
