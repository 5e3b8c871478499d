import type { LicenseArchive } from '../../src/daemon/license/license-store.ts'

/** The state database's content, which outlives each run of the daemon. */
export class StateArchive implements LicenseArchive {
  readonly #values = new Map<string, string>([['token-key', Buffer.alloc(32, 7).toString('base64url')]])
  /** Those that were accepted, the latest at the end. */
  #licenses: { readonly text: string }[] = []

  read(name: string): string | null {
    return this.#values.get(name) ?? null
  }

  write(name: string, value: string): void {
    this.#values.set(name, value)
  }

  keep(name: string, value: string): void {
    this.write(name, value)
  }

  latestLicense(): string | null {
    return this.#licenses.at(-1)?.text ?? null
  }

  licenses(): readonly { readonly text: string }[] {
    return this.#licenses
  }

  acceptLicense(
    text: string,
    _at: number,
    { after, lay }: Parameters<LicenseArchive['acceptLicense']>[2],
  ): boolean {
    const latest = this.latestLicense()
    if (latest !== after && latest !== text) return false
    lay()
    this.#licenses = [...this.#licenses.filter(kept => kept.text !== text), { text }]
    return true
  }
}
