import type { Load } from './load.ts'

export type PeerName = 'ws-echo' | 'net-echo' | 'redis' | 'redis-aof' | 'sessiond'

export interface Scenario {
  readonly name: string
  readonly load: Load
  /** Who is measured in each round, in this order. Ratios are to the first. */
  readonly peers: readonly PeerName[]
  /** Where a peer cannot do the same load, it does this one instead. */
  readonly instead?: Partial<Record<PeerName, Load>>
}

const closed = (connections: number, depth: number, batch = 1): Load => ({
  connections,
  depth,
  batch,
  rate: 0,
})
const open = (rate: number): Load => ({ connections: 50, depth: 256, batch: 1, rate })

const everybody = ['ws-echo', 'net-echo', 'redis', 'redis-aof', 'sessiond'] as const
const echoes = ['ws-echo', 'sessiond'] as const

/** Closed loop: so many connections × so many outstanding. Open loop: calls that arrive as calls do. */
export const SCENARIOS: readonly Scenario[] = [
  { name: '1 × 1', load: closed(1, 1), peers: everybody },
  { name: '10 × 1', load: closed(10, 1), peers: echoes },
  { name: '100 × 1', load: closed(100, 1), peers: everybody },
  { name: '1000 × 1', load: closed(1000, 1), peers: echoes },
  { name: '10 × 32', load: closed(10, 32), peers: everybody },
  { name: '100 × 32', load: closed(100, 32), peers: everybody },
  { name: '10 × 256', load: closed(10, 256), peers: echoes },
  // An echo of a batch does no work for each request, so the peer sends one request a frame.
  {
    name: '10 × 1, batches of 8',
    load: closed(10, 1, 8),
    peers: echoes,
    instead: { 'ws-echo': closed(10, 1) },
  },
  {
    name: '10 × 1, batches of 64',
    load: closed(10, 1, 64),
    peers: echoes,
    instead: { 'ws-echo': closed(10, 1) },
  },
  {
    name: '10 × 1, batches of 512',
    load: closed(10, 1, 512),
    peers: echoes,
    instead: { 'ws-echo': closed(10, 1) },
  },
  { name: 'open, 1,000 calls/s', load: open(1000), peers: echoes },
  { name: 'open, 10,000 calls/s', load: open(10_000), peers: echoes },
]
