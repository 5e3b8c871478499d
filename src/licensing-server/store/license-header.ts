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
  if (!text.startsWith(last.header) || text[last.header.length] !== '.') {
    const header = text.slice(0, text.indexOf('.'))
    last = { header, headerId: hash('sha256', header, 'base64url') }
  }
  return { ...last, rest: text.slice(last.header.length + 1) }
}

let last = { header: '', headerId: '' }

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
