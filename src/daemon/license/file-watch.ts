import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

const POLL_MS = 1000

/**
 * Calls `onChange` soon after the file at `path` was written, replaced or removed. The folder is watched, since
 * a file that is replaced by rename is another file; a look once a second covers what the kernel does not tell
 * (network file systems, a folder that comes later).
 */
export function watchFile(path: string, onChange: () => void): () => void {
  let seen = signature(path)
  let watcher: FSWatcher | null = null
  const look = () => {
    const now = signature(path)
    if (now === seen) return
    seen = now
    onChange()
  }
  const watchFolder = () => {
    if (watcher !== null) return
    try {
      watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(path)) look()
      })
      watcher.on('error', () => stopWatching())
    } catch {
      // No such folder yet, or no watches left: the look once a second goes on, and tries again.
      watcher = null
    }
  }
  const stopWatching = () => {
    watcher?.close()
    watcher = null
  }
  watchFolder()
  const poll = setInterval(() => {
    watchFolder()
    look()
  }, POLL_MS)
  poll.unref()
  return () => {
    clearInterval(poll)
    stopWatching()
  }
}

/** What differs whenever the content may differ. Never throws: a folder may be closed to us for a while. */
function signature(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${ino}:${size}:${mtimeNs}:${ctimeNs}`
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
