// For `node --import`: the daemon with a journal that is never checkpointed, to see what checkpoints do to the calls.
import Database from 'better-sqlite3'

const { pragma } = Database.prototype
Database.prototype.pragma = function (source, options) {
  // Only the journal does without fsync.
  if (source === 'synchronous = OFF') pragma.call(this, 'wal_autocheckpoint = 0')
  return pragma.call(this, source, options)
}
