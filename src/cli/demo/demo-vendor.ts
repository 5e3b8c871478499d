import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../errors.ts'
import { dayMs } from '../../license/instant.ts'
import { type Administration, createAdministration } from '../../licensing-server/administration.ts'
import {
  authorityPaths,
  initAuthority,
  readIssuer,
  renewIssuing,
} from '../../licensing-server/authority-files.ts'
import { defaultConfig } from '../../licensing-server/config/keys.ts'
import type { Config } from '../../licensing-server/config/schema.ts'
import { usualTerms } from '../../licensing-server/ledger/pools.ts'
import { type RunningLicensingServer, startLicensingServer } from '../../licensing-server/server.ts'
import { openLedger } from '../../licensing-server/store/open.ts'
import type { LedgerStore } from '../../licensing-server/store/store.ts'
import type { Logger } from '../../log.ts'
import { writeFileAtomically } from '../files.ts'
import { programVersion } from '../version.ts'
import type { DemoPaths } from './demo-paths.ts'

const LICENSE_DAYS = 30
const customerId = 'demonstration'
const poolId = 'demonstration'

/** Sessions that the pool has to begin with. */
const POOL_SESSIONS = 100

/** The vendor of a demonstration: an authority, a ledger with a customer and a pool, and a licensing server. */
export interface DemoVendor {
  readonly url: string
  /** Whether the ledger knows the installation. */
  knows(installationId: string): Promise<boolean>
  /** Has a license of so many sessions ready for the next 30 days; returns the key that claims it. */
  offer(sessions: number): Promise<string>
  stop(reason: string): Promise<void>
}

/** Starts the vendor's server on a free port of this machine. What is still good of before is used again. */
export async function startDemoVendor(paths: DemoPaths, now: () => number, log: Logger): Promise<DemoVendor> {
  await provideAuthority(paths, now())
  const server = await startLicensingServer(serverConfig(paths), log, {
    version: programVersion(),
    now,
    demonstration: true,
  })
  const desk = <T>(act: (desk: Desk) => Promise<T>) => atDesk(paths, now, act)
  return {
    url: server.url,
    knows: installationId => desk(async ({ store }) => (await store.situation(installationId)) !== null),
    offer: sessions => desk(each => offer(each, paths, sessions, now())),
    stop: reason => server.stop(reason),
  } satisfies DemoVendor & Pick<RunningLicensingServer, 'url'>
}

/** What the representative of the demonstration works with, beside the server on the same ledger. */
interface Desk {
  store: LedgerStore
  admin: Administration
}

async function atDesk<T>(paths: DemoPaths, now: () => number, act: (desk: Desk) => Promise<T>): Promise<T> {
  const store = await openLedger(paths.ledger)
  try {
    return await act({ store, admin: createAdministration({ store, by: 'sessiond demo', now }) })
  } finally {
    await store.close()
  }
}

async function offer(
  { store, admin }: Desk,
  paths: DemoPaths,
  sessions: number,
  now: number,
): Promise<string> {
  const day = new Date(now + LICENSE_DAYS * dayMs).toISOString().slice(0, 10)
  const terms = { ...usualTerms, features: ['voice'], expiresAt: `${day}T23:59:59Z` }
  const pool = await store.pool(poolId)
  if (pool === null) {
    const representative = { name: 'Ada Lovelace', email: 'ada@vendor.example', phone: null }
    if ((await store.customer(customerId)) === null) {
      await admin.addCustomer({ customerId, name: 'Demonstration', representative })
    }
    const versions = { from: '5.0', to: '5.x' }
    const total = Math.max(POOL_SESSIONS, sessions * 4)
    await admin.openPool({
      poolId,
      customerId,
      product: 'call-services',
      total,
      terms: { ...terms, versions },
    })
  } else {
    await admin.changeTerms(poolId, { expiresAt: terms.expiresAt })
    if (sessions > pool.total) await admin.addUnits(poolId, sessions - pool.total)
  }
  if (existsSync(paths.installationKey)) return readFileSync(paths.installationKey, 'utf8').trim()
  const { text } = await admin.createKey(poolId, `demonstration ${randomUUID().slice(0, 8)}`)
  writeFileAtomically(paths.installationKey, `${text}\n`, { mode: 0o600 })
  return text
}

function serverConfig(paths: DemoPaths): Config {
  const config = defaultConfig()
  config.listen.port = 0
  config.operations.enabled = false
  config.authority.directory = paths.authority
  config.ledger.location = paths.ledger
  config.page.vendor = 'Demonstration'
  config.shutdown.drainMs = 0
  return config
}

/** The authority of before while its certificate is valid, with a renewed one after that, else a new one. */
async function provideAuthority(paths: DemoPaths, now: number): Promise<void> {
  const { authority } = paths
  try {
    readIssuer(authority, now)
    return
  } catch (error) {
    if (!(error instanceof Fault)) throw error
  }
  if (existsSync(join(authority, authorityPaths.issuingCertificate))) {
    try {
      await renewIssuing(authority, { now })
      return
    } catch (error) {
      if (!(error instanceof Fault)) throw error
    }
  }
  // Nobody but this demonstration trusts the authority, so one that is damaged or half made is replaced, with
  // its ledger and what it signed.
  const ledger = ['', '-wal', '-shm'].map(end => paths.ledger + end)
  for (const path of [authority, paths.installationKey, paths.license, ...ledger]) {
    rmSync(path, { recursive: true, force: true })
  }
  await initAuthority(authority, { organization: 'Demonstration', now, rootBits: 3072 })
}
