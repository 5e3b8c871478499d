import type { JournalFile as File, Journalled } from '../../src/daemon/journal/journal-file.ts'

/** In the place of the journal's file; see without-journal.ts. */
export class JournalFile implements Pick<File, keyof File> {
  get isLost(): boolean {
    return false
  }

  read(): Buffer {
    throw Object.assign(new Error('Nothing is kept.'), { code: 'ENOENT' })
  }

  goOn(): boolean {
    return false
  }

  replace(): void {}
  append(_state: Journalled): void {}
  close(): void {}
}
