import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Spread, spreadOf } from './report.ts'
import { LOAD_CORE, type Server } from './servers.ts'

/** What a call process gets: acquire and release through a client library, in the same process as the calls. */
export interface ClientFigures {
  readonly pairsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** Processor time of the client's process for one pair. */
  readonly cpuMicros: number
}

export interface ClientRow {
  readonly client: string
  readonly inFlight: number
  readonly pairsPerSecond: Spread
  readonly p50: Spread
  readonly p99: Spread
  readonly cpuMicros: Spread
  /** To the first client with as many in flight, of the same round. */
  readonly ratio: { readonly pairsPerSecond: Spread; readonly p99: Spread }
}

export interface ClientPeer {
  readonly name: string
  readonly kind: 'ioredis' | 'sessiond' | 'sessiond-unbatched'
  readonly server: Server
}

/** One process of a client library that has so many calls under way all the time; see peers/client-loop.ts. */
async function runClient(
  { kind, server }: ClientPeer,
  inFlight: number,
  seconds: number,
): Promise<ClientFigures> {
  const loop = join(import.meta.dirname, 'peers/client-loop.ts')
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', LOAD_CORE, process.execPath, loop, kind, server.socket, String(inFlight), String(seconds)],
    { env: { ...process.env, ...server.environment } },
  )
  return JSON.parse(stdout) as ClientFigures
}

export async function measureClients(
  peers: readonly ClientPeer[],
  inFlight: number,
  { rounds, seconds, onProgress }: { rounds: number; seconds: number; onProgress: (text: string) => void },
): Promise<ClientRow[]> {
  const figures = peers.map((): ClientFigures[] => [])
  for (let round = 1; round <= rounds; round++) {
    for (const [index, peer] of peers.entries()) {
      onProgress(`client libraries, ${inFlight} in flight: round ${round} of ${rounds}, ${peer.name}`)
      figures[index]!.push(await runClient(peer, inFlight, seconds))
    }
  }
  return peers.map(({ name }, index) => {
    const own = figures[index]!
    const of = (key: keyof ClientFigures) => spreadOf(own.map(one => one[key]))
    const against = (key: keyof ClientFigures) =>
      spreadOf(own.map((one, round) => one[key] / figures[0]![round]![key]))
    return {
      client: name,
      inFlight,
      pairsPerSecond: of('pairsPerSecond'),
      p50: of('p50'),
      p99: of('p99'),
      cpuMicros: of('cpuMicros'),
      ratio: { pairsPerSecond: against('pairsPerSecond'), p99: against('p99') },
    }
  })
}
