/** Where the two databases differ in what the migrations say. */
export interface Dialect {
  name: 'sqlite' | 'postgres'
  /** A whole number of 64 bits. */
  integer: string
  /** After the closing parenthesis of a table. */
  tableOptions: string
  /** The same for a table whose every row is written anew again and again. */
  updatedTableOptions: string
  /** A column that numbers the rows in the order in which they were written. */
  position: string
}

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  integer: 'integer',
  tableOptions: ' strict',
  updatedTableOptions: ' strict',
  position: 'integer primary key',
}

export const postgresDialect: Dialect = {
  name: 'postgres',
  integer: 'bigint',
  tableOptions: '',
  // With room for the next version of a row on its page, PostgreSQL need not write the indexes anew.
  updatedTableOptions: ' with (fillfactor = 50)',
  position: 'bigint generated always as identity primary key',
}

export interface Migration {
  version: number
  name: string
  /** Statements, carried out in order in one transaction with the note that they were. */
  statements(dialect: Dialect): string[]
}

/** Never changed once released; a later version is added below. */
export const migrations: readonly Migration[] = [
  { version: 1, name: 'ledger', statements: dialect => [...tables(dialect), ...appendOnly(dialect)] },
]

function tables({ integer, tableOptions, updatedTableOptions, position }: Dialect): string[] {
  const table = (name: string, columns: string, options = tableOptions) =>
    `create table ${name} (${columns})${options}`
  return [
    table(
      'customer',
      `customer_id text primary key, revision ${integer} not null, name text not null,
       representative text not null, created_at ${integer} not null`,
    ),
    // Law 7 once more, where no mistake of a program can reach it.
    table(
      'pool',
      `pool_id text primary key, revision ${integer} not null, customer_id text not null references customer,
       product text not null, total ${integer} not null, claimed ${integer} not null, terms text not null,
       created_at ${integer} not null, check (claimed >= 0 and claimed <= total)`,
    ),
    'create index pool_by_customer on pool (customer_id)',
    table(
      'installation',
      `installation_id text primary key, revision ${integer} not null,
       customer_id text not null references customer, pool_id text not null references pool,
       units ${integer} not null, generation ${integer} not null, jkt text not null, fingerprint text,
       hostname text not null, version text not null, state text not null, standing text not null,
       created_at ${integer} not null, licensed_at ${integer} not null,
       event_sequence ${integer} not null, event_hash text not null, check (units >= 0)`,
      updatedTableOptions,
    ),
    // One machine key has one living installation in a pool; its index also finds a machine by its key.
    `create unique index installation_by_key on installation (jkt, pool_id) where state <> 'deactivated'`,
    'create index installation_by_pool on installation (pool_id, installation_id)',
    `create index installation_by_standing on installation (standing, installation_id) where standing <> 'good'`,
    table(
      'machine_fact',
      'fact text not null, installation_id text not null references installation, primary key (fact, installation_id)',
    ),
    'create index machine_fact_by_installation on machine_fact (installation_id)',
    table(
      'transfer',
      `transfer_id text primary key, revision ${integer} not null, pool_id text not null references pool,
       from_installation_id text not null references installation,
       to_installation_id text references installation, key_id text not null, state text not null, units ${integer} not null,
       deactivation_license_ids text not null, confirmation text, declaration text,
       created_at ${integer} not null, check (units >= 0)`,
    ),
    `create unique index transfer_by_origin on transfer (from_installation_id) where state <> 'cancelled'`,
    'create index transfer_by_pool on transfer (pool_id, transfer_id)',
    table(
      'installation_key',
      `key_id text primary key, revision ${integer} not null, pool_id text not null references pool,
       secret_hash text not null, transfer_id text references transfer, label text not null,
       created_at ${integer} not null, revoked_at ${integer}`,
    ),
    'create index installation_key_by_pool on installation_key (pool_id, key_id)',
    table('license_header', 'header_id text primary key, text text not null'),
    table(
      'issue',
      `installation_id text primary key references installation, generation ${integer} not null,
       license_id text not null, request_id text not null, request_digest text not null,
       deactivated ${integer} not null, header_id text not null references license_header, license text not null,
       issued_at ${integer} not null`,
      updatedTableOptions,
    ),
    table('revocation_list', `root text primary key, number ${integer} not null, text text not null`),
    table(
      'event',
      `position ${position}, stream text not null, sequence ${integer} not null, body text not null,
       hash text not null, unique (stream, sequence)`,
    ),
  ]
}

/** The database itself refuses to change what happened. */
function appendOnly({ name }: Dialect): string[] {
  if (name === 'sqlite') {
    return ['update', 'delete'].map(
      change => `create trigger event_no_${change} before ${change} on event
        begin select raise(abort, 'the events of the ledger are append-only'); end`,
    )
  }
  return [
    `create function refuse_event_change() returns trigger language plpgsql as
      $$ begin raise exception 'the events of the ledger are append-only'; end $$`,
    `create trigger event_append_only before update or delete or truncate on event
      for each statement execute function refuse_event_change()`,
  ]
}
