import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { until } from './until.ts'

const debianFolder = '/usr/lib/postgresql'

/**
 * Runs the server until standard input ends, which it does however the test ends, and then tidies up: no server
 * outlives a test that crashed or was killed.
 */
const untilParentEnds = '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server; rm -rf "$0"'

/** Where the server's programs are; null where PostgreSQL is not installed. Debian keeps them out of PATH. */
function findPrograms(): string | null {
  if (!existsSync(debianFolder)) return null
  const versions = readdirSync(debianFolder).sort((left, right) => Number(right) - Number(left))
  const folders = versions.map(version => join(debianFolder, version, 'bin'))
  return folders.find(folder => existsSync(join(folder, 'initdb'))) ?? null
}

/**
 * Why tests that need PostgreSQL are skipped; false where it is there. In CI it must be there: a test that is
 * skipped there would be missed by nobody.
 */
export function whyNoPostgres(): string | false {
  if (findPrograms() !== null) return false
  const why = 'PostgreSQL is not installed: sudo apt-get install postgresql'
  if (process.env['CI'] === 'true') throw new Error(why)
  return why
}

/** A PostgreSQL server that listens on a Unix socket alone. */
export class TestPostgres {
  readonly folder: string
  readonly #server: ChildProcess
  readonly #exited: Promise<unknown>
  #schemas = 0
  #log = ''

  private constructor(folder: string, server: ChildProcess) {
    this.folder = folder
    this.#server = server
    this.#exited = once(server, 'exit')
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
  }

  /** Starts one on a fresh cluster. `settings` are lines of postgresql.conf, such as `fsync=off`. */
  static async start(settings: string[] = ['fsync=off']): Promise<TestPostgres> {
    const programs = findPrograms()
    if (programs === null) throw new Error('PostgreSQL is not installed.')
    const folder = mkdtempSync(join(tmpdir(), 'ledger-postgres-'))
    const user = userOfServer()
    if (user !== null) chownSync(folder, user.uid, user.gid)
    const cluster = join(folder, 'cluster')
    const options = { cwd: folder, ...user }
    const init = ['-D', cluster, '-U', 'ledger', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C']
    execFileSync(join(programs, 'initdb'), init, { ...options, stdio: 'pipe' })
    const given = [
      'listen_addresses=',
      `unix_socket_directories=${folder}`,
      'max_connections=100',
      ...settings,
    ]
    const args = [join(programs, 'postgres'), '-D', cluster, ...given.flatMap(setting => ['-c', setting])]
    const server = spawn('sh', ['-c', untilParentEnds, folder, ...args], {
      ...options,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    const postgres = new TestPostgres(folder, server)
    await until('PostgreSQL answers', () => postgres.#answers(), 30_000).catch(error => {
      throw new Error(`${error.message}\n${postgres.#log}`)
    })
    return postgres
  }

  async #answers(): Promise<boolean> {
    if (this.#server.exitCode !== null) throw new Error(`PostgreSQL ended: ${this.#log}`)
    return this.query(this.#url(), 'select 1').then(
      () => true,
      () => false,
    )
  }

  /** The URL of a new, empty database: in truth a schema of its own, which is there in no time. */
  async createDatabase(): Promise<string> {
    this.#schemas += 1
    const name = `ledger_${this.#schemas}`
    await this.query(this.#url(), `create schema ${name}`)
    return `${this.#url()}&options=${encodeURIComponent(`-c search_path=${name}`)}`
  }

  #url(): string {
    return `postgres://ledger@localhost/postgres?host=${encodeURIComponent(this.folder)}`
  }

  /** Carries out statements as a person at psql would, beside the programs under test. */
  async query(url: string, text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    this.#server.stdin?.end()
    await this.#exited
  }
}

/** PostgreSQL refuses to run as root: then Debian's user for it runs it. */
function userOfServer(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const id = (what: string) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
