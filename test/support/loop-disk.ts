import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { TearDown } from './site.ts'

const MIB = 16

/**
 * An ext4 file system in a file, on a loop device. Only here can the kernel be told that the disk has an error, so that
 * it turns read-only though files are open for writing. Only root may mount one.
 */
export class LoopDisk {
  readonly path: string
  readonly #image: string
  #loop = ''

  private constructor(folder: string) {
    this.path = join(folder, 'disk')
    this.#image = join(folder, 'image')
  }

  /** A disk, or why there can be none here. */
  static mount(t: TearDown): LoopDisk | string {
    const folder = mkdtempSync(join(tmpdir(), 'sessiond-loop-'))
    const disk = new LoopDisk(folder)
    t.teardown(() => {
      disk.unmount()
      rmSync(folder, { recursive: true, force: true })
    })
    mkdirSync(disk.path)
    writeFileSync(disk.#image, '')
    truncateSync(disk.#image, MIB * 1024 * 1024)
    const made = run('mkfs.ext4', '-q', disk.#image)
    if (made !== null) return `no ext4 can be made: ${made}`
    return disk.#mount()
  }

  #mount(): LoopDisk | string {
    const failed = run('mount', '-o', 'loop,errors=remount-ro', this.#image, this.path)
    if (failed !== null) return `only root may mount, and on a loop device: ${failed}`
    this.#loop = basename(this.#device())
    return existsSync(this.#trigger) ? this : `the kernel has no ${this.#trigger}`
  }

  get #trigger(): string {
    return `/sys/fs/ext4/${this.#loop}/trigger_fs_error`
  }

  /** The kernel meets an error of the disk: from now on it is read, and not written. */
  fail(): void {
    writeFileSync(this.#trigger, '1')
  }

  /** As an operator does who has stopped what runs there: the file system is checked and mounted again. */
  repair(): void {
    this.unmount()
    const checked = spawnSync('e2fsck', ['-p', '-f', this.#image]).status ?? 8
    // 1: errors were corrected. https://man7.org/linux/man-pages/man8/e2fsck.8.html
    if (checked > 1) throw new Error(`e2fsck ended with ${checked}.`)
    const mounted = this.#mount()
    if (typeof mounted === 'string') throw new Error(mounted)
  }

  /** Lazily: a daemon may still have a file open there. The loop device goes with the last of them. */
  unmount(): void {
    if (this.#device() !== '') run('umount', '-l', this.path)
  }

  /** What is mounted at the path; empty where nothing is. */
  #device(): string {
    const path = realpathSync(this.path)
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
    return mounts.map(line => line.split(' ')).find(([, at]) => at === path)?.[0] ?? ''
  }
}

/** Null where the program succeeds. */
function run(program: string, ...args: string[]): string | null {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return null
  return error?.message ?? `${program} ended with ${status}: ${stderr.trim()}`
}
