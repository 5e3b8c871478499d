import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs'

/**
 * What a call process notes of a session. `asked` and `releasing` are noted before the request leaves, the others
 * when the answer was read; `lost`, where the daemon did not know a session that it had acknowledged; `revived`, where
 * it knew one whose release it had acknowledged; `twice`, where it counted one release two times.
 */
export type Deed = 'asked' | 'granted' | 'denied' | 'releasing' | 'released' | 'lost' | 'revived' | 'twice'

export interface Note {
  /** Nanoseconds of the monotonic clock, which all processes of a machine share. */
  readonly at: bigint
  readonly deed: Deed
  readonly key: string
  /** Of a grant. */
  readonly token: string
}

/** The book of one call process: a file that is only added to, so that it outlives the death of the process. */
export class Ledger {
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o600)
  }

  note(deed: Deed, key: string, token = ''): void {
    writeSync(this.#fd, `${process.hrtime.bigint()} ${deed} ${key} ${token}\n`)
  }
}

/** Reads such a book on from where it ended the last time. */
export class LedgerReader {
  readonly #path: string
  readonly #chunk = Buffer.alloc(1 << 16)
  #position = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  read(): Note[] {
    if (!existsSync(this.#path)) return []
    const fd = openSync(this.#path, 'r')
    const notes: Note[] = []
    try {
      for (;;) {
        const length = readSync(fd, this.#chunk, 0, this.#chunk.length, this.#position)
        if (length === 0) return notes
        this.#position += length
        const lines = (this.#rest + this.#chunk.toString('latin1', 0, length)).split('\n')
        this.#rest = lines.pop()!
        for (const line of lines) {
          const [at = '', deed = '', key = '', token = ''] = line.split(' ')
          notes.push({ at: BigInt(at), deed: deed as Deed, key, token })
        }
      }
    } finally {
      closeSync(fd)
    }
  }
}
