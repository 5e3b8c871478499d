import type Database from 'better-sqlite3'
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

  /**
   * Inside of a transaction. False, with nothing written, where the row has another revision by now, or where more of
   * it changes than a renewal nearly always does: that is for `applyChange` to say.
   */
  write(renewal: Renewal): boolean {
    this.#statements ??= prepare(this.#database)
    const { update, issue, event } = this.#statements
    const { installation = renewal.installation, sealed } = sealOwnStream(renewal)
    const row = { ...fromInstallation(installation), revision: installation.revision }
    if (update.run(row).changes !== 1) return false
    issue.run(fromIssue(renewal.issue))
    for (const one of sealed) event.run(one)
    return true
  }
}

/** After the migration only: the tables have to be there. */
function prepare(database: Database.Database): Statements {
  return {
    // SQLite writes every index anew that has a column which is set, even to what it was: so those are compared.
    update: database.prepare(`
      update installation set revision = @revision + 1, units = @units, generation = @generation,
        fingerprint = @fingerprint, hostname = @hostname, version = @version, licensed_at = @licensed_at,
        event_sequence = @event_sequence, event_hash = @event_hash
      where installation_id = @installation_id and revision = @revision and customer_id = @customer_id
        and pool_id = @pool_id and jkt = @jkt and state = @state and standing = @standing
        and created_at = @created_at`),
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
