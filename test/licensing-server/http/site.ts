import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Compile } from 'typebox/compile'
import { LicenseReply, type Problem } from '../../../src/licensing-api/schemas.ts'
import { readRoot } from '../../../src/licensing-server/authority-files.ts'
import { defaultConfig } from '../../../src/licensing-server/config/keys.ts'
import type { Config } from '../../../src/licensing-server/config/schema.ts'
import { signRevocationList } from '../../../src/licensing-server/revocation-list.ts'
import { type RunningLicensingServer, startLicensingServer } from '../../../src/licensing-server/server.ts'
import type { LicenseAnswer } from '../../../src/licensing-server/service.ts'
import { openLedger } from '../../../src/licensing-server/store/open.ts'
import { createLogger } from '../../../src/log.ts'
import { authorityFolder, type TearDown } from '../../support/site.ts'
import { trustedRoots, Vendor } from '../vendor.ts'

const isLicenseReply = Compile(LicenseReply)

/** Settings that differ from the defaults, section by section. */
export type Settings = { [Section in keyof Config]?: Partial<Config[Section]> }

/** The configuration of one server of the tests: free ports, the vendor of the tests, a ledger of its own. */
export function configOf(location: string, settings: Settings = {}): Config {
  const base = defaultConfig()
  base.listen.port = 0
  base.operations.port = 0
  base.authority.directory = authorityFolder
  base.ledger.location = location
  base.page.vendor = 'Example Telephony'
  base.shutdown.drainMs = 0
  const entries = Object.entries(base).map(([section, values]) => [
    section,
    { ...values, ...settings[section as keyof Config] },
  ])
  return Object.fromEntries(entries) as Config
}

/** A running licensing server over HTTP, with the representative beside it on the same ledger. */
export interface Site {
  vendor: Vendor
  server: RunningLicensingServer
  url: string
  operationsUrl: string
  config: Config
  /** Every line of the server's log. */
  log: string[]
  /** Sends JSON to the API. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>
  get(path: string, headers?: Record<string, string>): Promise<Reply>
}

export interface Reply {
  status: number
  headers: Headers
  /** The body as JSON where it is JSON, else as text. */
  body: Record<string, unknown> & Partial<Problem>
  text: string
}

/** Starts a server in this process; it is stopped when the test ends. */
export async function startSite(t: TearDown, settings: Settings = {}): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'licensing-'))
  const location = join(folder, 'ledger.sqlite')
  const store = await openLedger(location)
  const vendor = await Vendor.withCustomer(store)
  const config = configOf(location, settings)
  const log: string[] = []
  const logger = createLogger({ level: 'trace', destination: { write: line => void log.push(line) } })
  const server = await startLicensingServer(config, logger, { version: '0.0.0', now: () => vendor.now })
  t.teardown(async () => {
    await server.stop('the test ends')
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const { url } = server
  const { operations } = server.addresses
  return {
    vendor,
    server,
    url,
    operationsUrl: operations === null ? '' : `http://127.0.0.1:${operations.port}`,
    config,
    log,
    post: (path, body, headers = {}) =>
      exchange(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, headers = {}) => exchange(url + path, { headers }),
  }
}

export async function exchange(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, { redirect: 'error', ...init })
  const text = await response.text()
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text }
}

/** The answer of the service that an API reply carries. */
export function answerOf({ body, text }: Reply): LicenseAnswer {
  if (!isLicenseReply.Check(body)) throw new Error(text)
  return { kind: 'license', ...body }
}

/** The fields of a form as a browser sends them. */
export function formOf(
  fields: Record<string, string>,
  file?: { name: string; text: string | Uint8Array<ArrayBuffer> },
): FormData {
  const form = new FormData()
  if (file !== undefined) form.set('requestFile', new File([file.text], file.name))
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  return form
}

/** Publishes an empty revocation list of the root of the tests, and returns its text. */
export async function publishRevocationList({ vendor }: Site): Promise<string> {
  const issuedAt = '2026-11-24T12:00:00Z'
  const list = await signRevocationList({ number: 1, issuedAt, revoked: [] }, readRoot(authorityFolder))
  await vendor.admin.publishRevocationList(list, trustedRoots)
  return list
}

/** Words that nobody else writes, to be looked for where they must not be. */
export function mark(): string {
  return `mark-${randomUUID()}`
}
