import type Database from 'better-sqlite3'
import { Conflict } from './apply.ts'
import { sealOwnStream } from './own-stream.ts'
import type { Renewal } from './renewals.ts'
import { fromInstallation, fromIssue } from './rows.ts'

interface Statements {
  update: Database.Statement
  issue: Database.Statement
  event: Database.Statement
}

/**
 * Writes what nearly every change is, as `applyChange` would, by three statements that are prepared once, not built and
 * compiled for every reactivation.
 */
export class SqliteRenewals {
  readonly #database: Database.Database
  #statements: Statements | null = null

  constructor(database: Database.Database) {
    this.#database = database
  }

  /** Inside of a transaction. Throws Conflict, with nothing written, where the row has another revision by now. */
  write(renewal: Renewal): void {
    this.#statements ??= prepare(this.#database)
    const { update, issue, event } = this.#statements
    const { installation = renewal.installation, sealed } = sealOwnStream(renewal)
    const row = { ...fromInstallation(installation), revision: installation.revision }
    if (update.run(row).changes !== 1) throw new Conflict()
    issue.run(fromIssue(renewal.issue))
    for (const one of sealed) event.run(one)
  }
}

/** After the migration only: the tables have to be there. */
function prepare(database: Database.Database): Statements {
  return {
    update: database.prepare(`
      update installation set revision = @revision + 1, customer_id = @customer_id, pool_id = @pool_id,
        units = @units, generation = @generation, jkt = @jkt, fingerprint = @fingerprint, hostname = @hostname,
        version = @version, state = @state, standing = @standing, created_at = @created_at,
        licensed_at = @licensed_at, event_sequence = @event_sequence, event_hash = @event_hash
      where installation_id = @installation_id and revision = @revision`),
    issue: database.prepare(`
      insert into issue (installation_id, generation, license_id, request_id, request_digest, deactivated, header_id,
        license, issued_at)
      values (@installation_id, @generation, @license_id, @request_id, @request_digest, @deactivated, @header_id,
        @license, @issued_at)
      on conflict (installation_id) do update set generation = excluded.generation,
        license_id = excluded.license_id, request_id = excluded.request_id,
        request_digest = excluded.request_digest, deactivated = excluded.deactivated, header_id = excluded.header_id,
        license = excluded.license, issued_at = excluded.issued_at`),
    event: database.prepare(
      'insert into event (stream, sequence, body, hash) values (@stream, @sequence, @body, @hash)',
    ),
  }
}
