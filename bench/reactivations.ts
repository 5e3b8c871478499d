import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { createAdministration } from '../src/licensing-server/administration.ts'
import { initAuthority } from '../src/licensing-server/authority-files.ts'
import { usualTerms } from '../src/licensing-server/ledger/pools.ts'
import { openLedger } from '../src/licensing-server/store/open.ts'
import { startLicensingServer, stopServer } from './licensing-servers.ts'
import { LOAD_CORE, type SessiondServer } from './servers.ts'

const sessionctl = join(import.meta.dirname, '../dist/cli/sessionctl.cjs')

/** A machine that is activated at a licensing server of its own, for as long as `end` was not called. */
export interface Reactivations {
  /** One reactivation by `sessionctl`, as the timer of systemd does it; resolves when the daemon has taken the license. */
  act(): Promise<void>
  end(): Promise<void>
}

/** Both programs run on the core of the generator, and give way to it. */
export async function openReactivations({ site, sessions }: SessiondServer): Promise<Reactivations> {
  // Of a vendor of its own, each time that it is opened.
  const directory = mkdtempSync(join(site.folder, 'vendor-'))
  const authority = join(directory, 'authority')
  await initAuthority(authority, { organization: 'Benchmark', now: Date.now() })
  const trusted = join(site.config.license.trustDirectory, `${basename(directory)}.pem`)
  copyFileSync(join(authority, 'trust/root.pem'), trusted)
  const location = join(directory, 'ledger.sqlite')
  const keyFile = join(directory, 'installation.key')
  writeFileSync(keyFile, await sellSessions(location, sessions), { mode: 0o600 })
  const server = await startLicensingServer(authority, location, { directory, flags: [] })
  const ctl = async (...command: string[]) => {
    const where = ['--config', site.writeConfig(), '--server', `http://127.0.0.1:${server.port}`]
    const program = [process.execPath, sessionctl, ...command, ...where]
    await promisify(execFile)('taskset', ['-c', LOAD_CORE, 'nice', '-n', '19', ...program])
  }
  await ctl('activate', '--key-file', keyFile, '--sessions', String(sessions))
  return { act: () => ctl('reactivate'), end: () => stopServer(server) }
}

/** A pool of so many sessions in a new ledger; gives the key to claim them. */
async function sellSessions(location: string, total: number): Promise<string> {
  const store = await openLedger(location)
  const admin = createAdministration({ store, by: 'benchmark' })
  const representative = { name: 'Benchmark', email: 'bench@vendor.example', phone: '+44 20 7946 0000' }
  await admin.addCustomer({ customerId: 'bench', name: 'Benchmark', representative })
  const terms = { ...usualTerms, versions: { from: '5.0', to: '5.x' } }
  await admin.openPool({ poolId: 'bench', customerId: 'bench', product: 'call-services', total, terms })
  const { text } = await admin.createKey('bench', 'benchmark')
  await store.close()
  return text
}
