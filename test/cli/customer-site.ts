import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startSite, type Site as VendorSite } from '../licensing-server/http/site.ts'
import { makeMachineRoot } from '../support/machine-root.ts'
import { Site } from '../support/site.ts'
import { type Invoked, invoke } from './invoke.ts'

/** A customer's machine and the vendor's licensing server, both of today, with the commands of the machine. */
export interface CustomerSite {
  readonly vendor: VendorSite['vendor']
  readonly url: string
  readonly site: Site
  /** `sessionctl` on this machine. */
  ctl(...args: string[]): Promise<Invoked>
  /** Writes an installation key as a file; returns its name. */
  keyFile(key: string): string
}

export async function startCustomer(t: Test): Promise<CustomerSite> {
  const { vendor, url } = await startSite(t)
  vendor.now = Date.now()
  const site = new Site(t, { licensingServer: { url, caFile: null, timeoutMs: 10_000 } })
  site.config.machine.root = join(site.folder, 'root')
  makeMachineRoot(site.config.machine.root)
  mkdirSync(site.config.runtimeDirectory, { recursive: true })
  const config = site.writeConfig()
  return {
    vendor,
    url,
    site,
    ctl: (...args) => invoke('sessionctl', [...args, '--config', config], { cwd: site.folder }),
    keyFile(key) {
      const file = join(site.folder, 'installation.key')
      writeFileSync(file, `${key}\n`)
      chmodSync(file, 0o600)
      return 'installation.key'
    },
  }
}
