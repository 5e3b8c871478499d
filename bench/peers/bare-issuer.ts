import { constants, createPublicKey, randomUUID, sign, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import pg from 'pg'
import { readIssuer } from '../../src/licensing-server/authority-files.ts'
import { Batcher } from '../../src/licensing-server/store/batcher.ts'

/**
 * What no licensing server can do without, and nothing else: it takes a request, verifies its signature, signs a license
 * of the usual size, and has it on disk, in batches, before it answers. No look at who asks, no rules, no bounds, no
 * limits, no log: the ceiling for whoever does it in Node.js on this machine.
 *
 *   bare-issuer AUTHORITY LEDGER PORT
 *
 * LEDGER  a path, or the URL of a PostgreSQL database
 */
const [authority, ledger, port] = process.argv.slice(2) as [string, string, string]
const { privateKey } = readIssuer(authority, Date.now())
const key = {
  key: privateKey,
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
}
const signInPool = promisify((text: Buffer, done: (error: Error | null, it: Buffer) => void) =>
  sign('sha256', text, key, done),
)
/** As many bytes as header and payload of a license have. */
const content = Buffer.alloc(3300, 'license')

interface Row {
  id: string
  license: string
}

const writer = new Batcher<Row, null>(128, await openWriter(), { usualMs: 80, hurriedMs: 20 })
let signaturesUnderWay = 0

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    answer(Buffer.concat(chunks)).then(
      text => response.writeHead(200, { 'content-length': text.length }).end(text),
      error => response.writeHead(500, { 'content-length': 0 }).end(String(error)),
    )
  })
}).listen(Number(port), '127.0.0.1')

async function answer(body: Buffer): Promise<string> {
  const { request } = JSON.parse(body.toString()) as { request: string }
  const [header, payload, signature] = request.split('.') as [string, string, string]
  const { jwk } = JSON.parse(Buffer.from(header, 'base64url').toString())
  const { installationId } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const machine = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
  const holds = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    machine,
    Buffer.from(signature, 'base64url'),
  )
  if (!holds) throw new Error('the signature does not hold')
  writer.hurry(++signaturesUnderWay < 8)
  const license = `${content}.${(await signInPool(content)).toString('base64url')}`
  writer.hurry(--signaturesUnderWay < 8)
  await writer.add({ id: installationId, license: license.slice(-1700) })
  return JSON.stringify({ license, licenseId: randomUUID(), installationId })
}

async function openWriter(): Promise<(rows: Row[]) => Promise<null[]>> {
  if (ledger.startsWith('postgres:')) {
    const pool = new pg.Pool({ connectionString: ledger, max: 4 })
    await pool.query(
      'create table if not exists bare (id text primary key, license text) with (fillfactor = 50)',
    )
    const text = `insert into bare select id, license from json_to_recordset($1::json) as row (id text, license text)
      on conflict (id) do update set license = excluded.license`
    return async rows => {
      await pool.query({ name: 'write', text, values: [JSON.stringify(rows)] })
      return rows.map(() => null)
    }
  }
  const database = new Database(ledger, { timeout: 10_000 })
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = full')
  database.exec('create table if not exists bare (id text primary key, license text)')
  const write = database.prepare(
    'insert into bare values (@id, @license) on conflict (id) do update set license = excluded.license',
  )
  const writeAll = database.transaction((rows: Row[]) => {
    for (const row of rows) write.run(row)
  })
  return async rows => {
    writeAll.immediate(rows)
    return rows.map(() => null)
  }
}
