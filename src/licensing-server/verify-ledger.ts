import { createHash, type Hash } from 'node:crypto'
import { type ChainHead, chainStart, openEvent, type SealedEvent } from './ledger/chain.ts'
import { poolStream, vendorStream } from './ledger/events.ts'
import type { Installation, InstallationKey, Transfer } from './ledger/model.ts'
import {
  compareInstallation,
  emptyInstallationBook,
  enterInstallationEvent,
  type InstallationBook,
} from './ledger/replay-installation.ts'
import { comparePool, emptyPoolBook, enterPoolEvent, type PoolBook } from './ledger/replay-pool.ts'
import { type LedgerReader, type LedgerStore, pageSize } from './store/store.ts'

/** The ends of the streams at some time, kept where nobody who can write the ledger can write. */
export interface Anchor {
  /** ISO 8601. */
  at: string
  streams: { stream: string; sequence: number; hash: string }[]
}

export interface LedgerFlaw {
  stream: string
  what: string
}

export interface LedgerVerdict {
  ok: boolean
  streams: number
  events: number
  /** SHA-256 over the ends of all streams: two ledgers with the same one have the same history. */
  digest: string
  /** The first 100. */
  flaws: LedgerFlaw[]
}

const maxFlaws = 100

/** How far a verification has come. */
export interface VerifyProgress {
  events: number
  streams: number
  /** The stream that is being read: they come in the order of their names. */
  stream: string
}

/**
 * Proves the ledger, as of one instant: every stream is an unbroken chain, every row is what its events add up
 * to, no pool is over its total, and the streams that `anchor` knew still begin as they did then. `onProgress` is
 * told after every page of events.
 */
export function verifyLedger(
  store: LedgerStore,
  anchor?: Anchor,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<LedgerVerdict> {
  return store.snapshot(reader => new Verification(reader, anchor, onProgress).run())
}

/** The ends of the streams that hold the claims (`vendor` and every pool), to be kept elsewhere. */
export function anchorLedger(store: LedgerStore, now: number): Promise<Anchor> {
  return store.snapshot(async reader => {
    const names = [vendorStream]
    for await (const { poolId } of pages(after => reader.pools({ after }), 'poolId')) {
      names.push(poolStream(poolId))
    }
    const streams = []
    for (const name of names) {
      for (const { stream, sequence, hash } of await reader.latestEvents(name, 1)) {
        streams.push({ stream, sequence, hash })
      }
    }
    return { at: new Date(now).toISOString(), streams }
  })
}

class Verification {
  readonly #reader: LedgerReader
  readonly #onProgress: (progress: VerifyProgress) => void
  readonly #anchored: Map<string, ChainHead>
  readonly #digest: Hash = createHash('sha256')
  readonly #flaws: LedgerFlaw[] = []
  readonly #pools = new Set<string>()
  #streams = 0
  #events = 0
  #installations = 0
  #installationStreams = 0
  // Of the stream that is being read.
  #stream = ''
  #head = chainStart
  #broken = false
  #poolBook: PoolBook = emptyPoolBook()
  #installationBook: InstallationBook = emptyInstallationBook()

  constructor(
    reader: LedgerReader,
    anchor: Anchor | undefined,
    onProgress: (progress: VerifyProgress) => void,
  ) {
    this.#reader = reader
    this.#onProgress = onProgress
    this.#anchored = new Map(anchor?.streams.map(({ stream, ...head }) => [stream, head]))
  }

  async run(): Promise<LedgerVerdict> {
    let after: SealedEvent | null = null
    for (;;) {
      const rows = await this.#reader.eventsByStream(after)
      for (const row of rows) await this.#take(row)
      this.#onProgress({ events: this.#events, streams: this.#streams, stream: this.#stream })
      after = rows.at(-1) ?? null
      if (rows.length < pageSize) break
    }
    await this.#endStream()
    for await (const { poolId } of pages(cursor => this.#reader.pools({ after: cursor }), 'poolId')) {
      if (!this.#pools.has(poolId)) this.#flaw(poolStream(poolId), 'the pool has no events')
      await this.#countInstallations(poolId)
    }
    if (this.#installations !== this.#installationStreams) {
      this.#flaw(
        'installation',
        `${this.#installations} rows, ${this.#installationStreams} streams of events`,
      )
    }
    for (const stream of this.#anchored.keys()) this.#flaw(stream, 'what the anchor knew of it is missing')
    return {
      ok: this.#flaws.length === 0,
      streams: this.#streams,
      events: this.#events,
      digest: this.#digest.digest('hex'),
      flaws: this.#flaws,
    }
  }

  async #take(row: SealedEvent): Promise<void> {
    if (row.stream !== this.#stream) {
      await this.#endStream()
      this.#stream = row.stream
      this.#head = chainStart
      this.#broken = false
      this.#poolBook = emptyPoolBook()
      this.#installationBook = emptyInstallationBook()
      this.#streams += 1
    }
    this.#events += 1
    // After the first broken link nothing in the stream can be believed, and every link would be a flaw.
    if (this.#broken) return
    const opened = openEvent(row, this.#head)
    if (!opened.ok) {
      this.#broken = true
      return this.#flaw(row.stream, opened.why)
    }
    this.#head = opened.head
    this.#checkAnchor(row)
    const flaw = this.#enter(opened.event)
    if (flaw !== null) this.#flaw(row.stream, `event ${row.sequence}: ${flaw}`)
  }

  #enter(event: Parameters<typeof enterPoolEvent>[1]): string | null {
    if (event.stream.startsWith('pool/')) return enterPoolEvent(this.#poolBook, event)
    if (event.stream.startsWith('installation/')) {
      return enterInstallationEvent(this.#installationBook, event)
    }
    return null
  }

  #checkAnchor(row: SealedEvent): void {
    const known = this.#anchored.get(row.stream)
    if (known?.sequence !== row.sequence) return
    this.#anchored.delete(row.stream)
    if (known.hash !== row.hash) this.#flaw(row.stream, `event ${row.sequence} is not the one of the anchor`)
  }

  async #endStream(): Promise<void> {
    const stream = this.#stream
    if (stream === '') return
    const { sequence, hash } = this.#head
    this.#digest.update(`${stream} ${sequence} ${hash}\n`)
    const [kind, id] = stream.split('/') as [string, string]
    if (kind === 'installation') this.#installationStreams += 1
    if (kind === 'pool') this.#pools.add(id)
    const flaws = this.#broken ? [] : await this.#compare(kind, id)
    for (const what of flaws) this.#flaw(stream, what)
  }

  async #compare(kind: string, id: string): Promise<string[]> {
    if (kind === 'installation') {
      const situation = await this.#reader.situation(id)
      if (situation === null) return ['there is no row']
      return compareInstallation(this.#installationBook, situation, this.#head)
    }
    if (kind !== 'pool') return []
    const pool = await this.#reader.pool(id)
    if (pool === null) return ['there is no row']
    const { installations, transfers, keys } = await this.#rowsOf(id)
    return comparePool(this.#poolBook, { pool, installations, transfers, keys })
  }

  async #rowsOf(poolId: string): Promise<{
    installations: Installation[]
    transfers: Transfer[]
    keys: InstallationKey[]
  }> {
    const reader = this.#reader
    return {
      installations: await all(pages(after => reader.installations({ poolId, after }), 'installationId')),
      transfers: await all(pages(after => reader.transfers({ poolId, after }), 'transferId')),
      keys: await all(pages(after => reader.keys({ poolId, after }), 'keyId')),
    }
  }

  async #countInstallations(poolId: string): Promise<void> {
    const installations = pages(after => this.#reader.installations({ poolId, after }), 'installationId')
    for await (const _ of installations) this.#installations += 1
  }

  #flaw(stream: string, what: string): void {
    if (this.#flaws.length < maxFlaws) this.#flaws.push({ stream, what })
  }
}

/** Row after row through all pages of a listing. */
async function* pages<Row extends object>(
  list: (after: string) => Promise<Row[]>,
  id: keyof Row,
): AsyncGenerator<Row> {
  let after = ''
  for (;;) {
    const rows = await list(after)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < pageSize) return
    after = String(last[id])
  }
}

async function all<Row>(rows: AsyncGenerator<Row>): Promise<Row[]> {
  const list: Row[] = []
  for await (const row of rows) list.push(row)
  return list
}
