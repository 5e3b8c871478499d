import { writeFileSync } from 'node:fs'
import { EMPTY_CONTENT, type JournalContent } from '../../src/daemon/journal/database.ts'
import type { RecordSink } from '../../src/session/records.ts'

export { classify, EMPTY_CONTENT, type JournalContent } from '../../src/daemon/journal/database.ts'

/** In the place of the journal's database; see without-journal.ts. */
export class JournalDatabase implements RecordSink {
  constructor(path: string) {
    // The journal looks now and then whether its file is still there.
    writeFileSync(path, '')
  }

  load(): JournalContent {
    return EMPTY_CONTENT
  }

  transaction(write: () => void): void {
    write()
  }

  stamp(): void {}
  clear(): void {}
  putSession(): void {}
  removeSession(): void {}
  putClient(): void {}
  removeClient(): void {}
  close(): void {}
}
