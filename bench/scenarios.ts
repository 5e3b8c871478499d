import type { Load } from './load.ts'

export type ServerName =
  | 'ws-echo'
  | 'net-echo'
  | 'redis'
  | 'redis-aof'
  | 'bare-counter'
  | 'sessiond'
  | 'sessiond-full'
  | 'sources'
  | 'without-journal'
  | 'never-compacted'
  | 'always-compacted'

/** What is done to a server while it is measured; see disturbances.ts. */
export type Disturbance = 'scrapes' | 'reloads' | 'licenses' | 'reactivations'

export interface Peer {
  /** As the table calls it; the server's own name where it is left out. */
  readonly name?: string
  readonly server: ServerName
  /** Where it cannot do the scenario's load, it does this one. */
  readonly load?: Load
  readonly disturbance?: Disturbance
}

export interface Scenario {
  readonly name: string
  readonly load: Load
  /** Who is measured in each round, in this order. Ratios are to the first. */
  readonly peers: readonly Peer[]
}

const closed = (connections: number, depth: number, batch = 1): Load => ({
  connections,
  depth,
  batch,
  rate: 0,
})
const open = (rate: number): Load => ({ connections: 50, depth: 256, batch: 1, rate })

const sessiond: Peer = { server: 'sessiond' }
const echoes: readonly Peer[] = [{ server: 'ws-echo' }, sessiond]
const everybody: readonly Peer[] = [
  { server: 'ws-echo' },
  { server: 'net-echo' },
  { server: 'redis' },
  { server: 'redis-aof' },
  sessiond,
]
const redisByItsOwn: Peer = {
  name: 'redis-aof, by redis-benchmark',
  server: 'redis-aof',
  load: { ...closed(100, 1), generator: 'redis-benchmark' },
}
/** Sources beside sources, so that it is not the bundle that makes the difference. */
const priceOfJournal = (connections: number, depth: number): Scenario => ({
  name: `${connections} × ${depth}, price of the journal`,
  load: closed(connections, depth),
  peers: [{ server: 'without-journal' }, { name: 'sessiond, from sources', server: 'sources' }],
})
const priceOfProduct = (connections: number, depth: number): Scenario => ({
  name: `${connections} × ${depth}, price of the product`,
  load: closed(connections, depth),
  peers: [{ server: 'bare-counter' }, sessiond],
})
const applications = (count: number): Peer => ({
  name: `sessiond, ${count} application${count === 1 ? '' : 's'}`,
  server: 'sessiond',
  load: { ...closed(10, 32), applications: count },
})
/** An echo of a batch does no work for each request, so the peer sends one request a frame. */
const batches = (length: number): Scenario => ({
  name: `10 × 1, batches of ${length}`,
  load: closed(10, 1, length),
  peers: [{ server: 'ws-echo', load: closed(10, 1) }, sessiond],
})

/** Closed loop: so many connections × so many outstanding. Open loop: calls that arrive as calls do. */
export const SCENARIOS: readonly Scenario[] = [
  { name: '1 × 1', load: closed(1, 1), peers: everybody },
  { name: '10 × 1', load: closed(10, 1), peers: echoes },
  { name: '100 × 1', load: closed(100, 1), peers: [...everybody.slice(0, -1), redisByItsOwn, sessiond] },
  { name: '1000 × 1', load: closed(1000, 1), peers: echoes },
  { name: '10 × 32', load: closed(10, 32), peers: everybody },
  { name: '100 × 32', load: closed(100, 32), peers: everybody },
  { name: '10 × 256', load: closed(10, 256), peers: echoes },
  batches(8),
  batches(64),
  batches(512),
  { name: 'open, 1,000 calls/s', load: open(1000), peers: echoes },
  { name: 'open, 10,000 calls/s', load: open(10_000), peers: echoes },
  { name: '100 × 1, all denied', load: closed(100, 1), peers: [sessiond, { server: 'sessiond-full' }] },
  {
    name: 'open, 1,000 calls/s, disturbed',
    load: open(1000),
    peers: [
      sessiond,
      { name: 'sessiond, scraped', server: 'sessiond', disturbance: 'scrapes' },
      { name: 'sessiond, license read anew', server: 'sessiond', disturbance: 'reloads' },
      { name: 'sessiond, another license', server: 'sessiond', disturbance: 'licenses' },
      { name: 'sessiond, reactivated', server: 'sessiond', disturbance: 'reactivations' },
    ],
  },
  {
    name: 'open, 10,000 calls/s, journal made anew',
    load: open(10_000),
    peers: [
      { name: 'sessiond, never', server: 'never-compacted' },
      { name: 'sessiond, all the time', server: 'always-compacted' },
    ],
  },
  priceOfJournal(100, 1),
  priceOfJournal(10, 32),
  priceOfProduct(100, 1),
  priceOfProduct(10, 32),
  { name: '10 × 32, applications', load: closed(10, 32), peers: [1, 10, 50, 200].map(applications) },
]
