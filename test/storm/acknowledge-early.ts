// For `node --import`: the daemon with the fault that the storm is there to find. It commits a turn after it answers.
import { Journal } from '../../src/daemon/journal/journal.ts'
import type { Journalled } from '../../src/daemon/journal/journal-file.ts'

const commit = Journal.prototype.commit
Journal.prototype.commit = function (state: Journalled): void {
  setImmediate(() => commit.call(this, state))
}
