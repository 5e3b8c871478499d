/** The tables as they lie in the database. Instants in milliseconds since the epoch; structures as JSON text. */
export interface Tables {
  customer: {
    customer_id: string
    revision: number
    name: string
    representative: string
    created_at: number
  }
  pool: {
    pool_id: string
    revision: number
    customer_id: string
    product: string
    total: number
    claimed: number
    terms: string
    created_at: number
  }
  installation_key: {
    key_id: string
    revision: number
    pool_id: string
    secret_hash: string
    transfer_id: string | null
    label: string
    created_at: number
    revoked_at: number | null
  }
  installation: {
    installation_id: string
    revision: number
    customer_id: string
    pool_id: string
    units: number
    generation: number
    jkt: string
    fingerprint: string | null
    hostname: string
    version: string
    state: string
    standing: string
    created_at: number
    licensed_at: number
    event_sequence: number
    event_hash: string
  }
  /** The strong facts of each installation's machine, so that one can be found by any of them. */
  machine_fact: { fact: string; installation_id: string }
  transfer: {
    transfer_id: string
    revision: number
    pool_id: string
    from_installation_id: string
    to_installation_id: string | null
    key_id: string
    state: string
    units: number
    deactivation_license_ids: string
    confirmation: string | null
    declaration: string | null
    created_at: number
  }
  /** The headers of licenses: see license-header.ts. */
  license_header: { header_id: string; text: string }
  /** The license that each installation received last, without its header. */
  issue: {
    installation_id: string
    generation: number
    license_id: string
    request_id: string
    request_digest: string
    deactivated: number
    header_id: string
    license: string
    issued_at: number
  }
  revocation_list: { root: string; number: number; text: string }
  /** Append-only, hash-chained by stream: see ledger/chain.ts. */
  event: { stream: string; sequence: number; body: string; hash: string }
  schema_migration: { version: number; name: string; applied_at: number }
}
