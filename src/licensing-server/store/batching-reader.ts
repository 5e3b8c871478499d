import type { CompiledQuery, Kysely, RawBuilder } from 'kysely'
import type { Situation, StoredRevocationList } from '../ledger/model.ts'
import { Batcher, type Pace } from './batcher.ts'
import { SqlReader } from './reader.ts'
import { situationsQuery, toSituation } from './situation.ts'
import type { Tables } from './tables.ts'

/** Items that are read, or changes that are written, in one go at most. They all wait for its end. */
export const maxBatch = 128

/** How far batches are apart under load: see Batcher. */
export const pace: Pace = { usualMs: 80, hurriedMs: 20 }

/**
 * A reader for many askers at once: what each reactivation asks is gathered, and asked in one statement for all of
 * them. That is most of what a reactivation costs the database: a round trip, or building a row of fifty columns.
 */
export class BatchingReader extends SqlReader {
  readonly #db: Kysely<Tables>
  readonly #query: CompiledQuery
  readonly #parameterOf: (ids: string[]) => unknown
  readonly #situations: Batcher<string, Situation | null>
  readonly #revocationLists: Batcher<null, StoredRevocationList[]>

  /**
   * `among` is the condition that an installation's id is among those of the query's one parameter, which
   * `parameterOf` makes of the ids: the databases differ in it.
   */
  constructor(db: Kysely<Tables>, among: RawBuilder<boolean>, parameterOf: (ids: string[]) => unknown) {
    super(db)
    this.#db = db
    this.#query = situationsQuery(db).where(among).compile()
    this.#parameterOf = parameterOf
    this.#situations = new Batcher(maxBatch, ids => this.#readSituations(ids), pace)
    this.#revocationLists = new Batcher(maxBatch, async askers => {
      const lists = await super.revocationLists()
      return askers.map(() => lists)
    })
  }

  /** See LedgerStore. */
  hurry(isHurried: boolean): void {
    this.#situations.hurry(isHurried)
  }

  override situation(installationId: string): Promise<Situation | null> {
    return this.#situations.add(installationId)
  }

  override revocationLists(): Promise<StoredRevocationList[]> {
    return this.#revocationLists.add(null)
  }

  async #readSituations(ids: string[]): Promise<(Situation | null)[]> {
    // Compiled once: it names some fifty columns.
    const query = { ...this.#query, parameters: [this.#parameterOf(ids)] }
    const { rows } = await this.#db.executeQuery<Record<string, unknown>>(query)
    const found = new Map(
      rows.map(toSituation).map(situation => [situation.installation.installationId, situation]),
    )
    return ids.map(id => found.get(id) ?? null)
  }
}
