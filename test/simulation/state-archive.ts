import type { LicenseArchive } from '../../src/daemon/license/license-store.ts'

/** The state database's content, which outlives each run of the daemon. */
export class StateArchive implements LicenseArchive {
  readonly #values = new Map<string, string>([['token-key', Buffer.alloc(32, 7).toString('base64url')]])
  #license: string | null = null

  read(name: string): string | null {
    return this.#values.get(name) ?? null
  }

  write(name: string, value: string): void {
    this.#values.set(name, value)
  }

  latestLicense(): string | null {
    return this.#license
  }

  acceptLicense(
    text: string,
    _at: number,
    { after, lay }: Parameters<LicenseArchive['acceptLicense']>[2],
  ): boolean {
    if (this.#license !== after && this.#license !== text) return false
    lay()
    this.#license = text
    return true
  }
}
