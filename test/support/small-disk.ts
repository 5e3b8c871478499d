import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TearDown } from './site.ts'

/** A file system of a few kilobytes, in memory. Only root may mount one. */
export class SmallDisk {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Null where this process may not mount. */
  static mount(t: TearDown, kib: number): SmallDisk | null {
    const path = mkdtempSync(join(tmpdir(), 'sessiond-disk-'))
    const mounted = mount('-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', path)
    t.teardown(() => {
      // Lazily: a daemon of the test may still have a file open there.
      if (mounted) spawnSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    })
    if (!mounted) return null
    return new SmallDisk(path)
  }

  resize(kib: number): void {
    if (!mount('-o', `remount,size=${kib}k`, this.path)) throw new Error('The disk could not be resized.')
  }

  setReadOnly(readOnly: boolean): void {
    if (!mount('-o', `remount,${readOnly ? 'ro' : 'rw'}`, this.path)) throw new Error('The disk is busy.')
  }

  /** Writes a file that leaves nothing free. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.path)
    writeFileSync(join(this.path, 'filling'), Buffer.alloc(bavail * bsize))
  }
}

function mount(...args: string[]): boolean {
  return spawnSync('mount', args).status === 0
}
