import { crc32 } from 'node:zlib'

/** A session as a journal tells of it. */
export interface JournalSession {
  readonly slot: number
  readonly client: number
  readonly application: string
  readonly key: string
  readonly nonceHigh: number
  readonly nonceLow: number
}

/** A client as a journal tells of it. */
export interface JournalClient {
  readonly index: number
  readonly identity: string | null
  readonly label: string | null
}

/**
 * Reads a journal by the description of its format alone (src/daemon/journal/block.ts); nothing of the product reads it.
 * Throws where it is damaged. A block that is cut off at the end is left out: its writer was killed.
 */
export function readJournalAlone(file: Uint8Array): {
  clients: Map<number, JournalClient>
  sessions: Map<number, JournalSession>
} {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const clients = new Map<number, JournalClient>()
  const sessions = new Map<number, JournalSession>()
  const start = file.indexOf(0x0a) + 1
  if (text(0, start) !== 'sessiond journal 1\n') throw new Error('The journal has another first line.')
  for (let at = start; at + 12 <= file.length; ) {
    const length = view.getUint32(at, true)
    if (crc32(file.subarray(at, at + 8)) !== view.getUint32(at + 8, true))
      throw new Error(`The journal has a damaged header at ${at}.`)
    const end = at + 12 + length
    if (end > file.length) break
    if (crc32(file.subarray(at + 12, end)) !== view.getUint32(at + 4, true))
      throw new Error(`The journal has a damaged block at ${at}.`)
    for (let record = at + 12; record < end; ) record = carryOut(record)
    at = end
  }
  return { clients, sessions }

  function carryOut(at: number): number {
    const number = view.getUint32(at + 1, true)
    switch (file[at]) {
      case 1:
        return at + 5 + number
      case 2: {
        const client = JSON.parse(text(at + 5, at + 5 + number)) as JournalClient
        clients.set(client.index, client)
        return at + 5 + number
      }
      case 3:
        clients.delete(number)
        return at + 5
      case 4: {
        const name = at + 31
        const nameEnd = name + view.getUint16(at + 29, true)
        const key = nameEnd + 2
        const keyEnd = key + view.getUint16(nameEnd, true)
        sessions.set(number, {
          slot: number,
          client: view.getUint32(at + 5, true),
          application: text(name, nameEnd),
          key: text(key, keyEnd),
          nonceHigh: nonce(at + 17),
          nonceLow: nonce(at + 23),
        })
        return keyEnd
      }
      case 5:
        sessions.delete(number)
        return at + 5
      default:
        throw new Error(`The journal has a record of kind ${file[at]} at ${at}.`)
    }
  }

  function nonce(at: number): number {
    return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32
  }

  function text(from: number, to: number): string {
    return new TextDecoder().decode(file.subarray(from, to))
  }
}
