import { writeSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Duplex } from 'node:stream'

/** As much as Node.js itself reads at a time. */
const READ_BYTES = 64 * 1024

/** All of them read into the same memory: what is read is told before anything else is. */
const memory = Buffer.allocUnsafeSlow(READ_BYTES)

/** Told of bytes that were read: those before `end`. The memory is used again as soon as it returns. */
export type OnBytes = (bytes: Buffer, end: number) => void

/** What Node.js keeps below a socket, as far as it is used here. It is no public part of it. */
interface Handle {
  /** -1 once it is closed. */
  readonly fd: number
  readonly useUserBuffer: unknown
}

/**
 * A socket for many small messages. The one that Node.js makes for a server takes new memory for each read, and has no
 * way around its stream for a write; together that costs as much as the system calls.
 *
 * To all others it is a socket as every other. Only who asks gets bytes before they become a stream (`readsTo`) or has
 * them written past it (`writeNow`).
 */
export class LeanSocket extends Socket {
  #onBytes: OnBytes | null = null

  /**
   * Takes the connection over from a socket, which is of no use afterwards. Null where that cannot be: under TLS, with
   * bytes that wait in the socket, or with a Node.js that is another inside; then the socket goes on as it is.
   */
  static takeOver(socket: Duplex): LeanSocket | null {
    // What inherits from it, such as one under TLS, may do with bytes what it likes.
    if (Object.getPrototypeOf(socket) !== Socket.prototype || socket.destroyed) return null
    if (socket.readableLength > 0 || socket.writableLength > 0) return null
    const below = socket as unknown as { _handle: unknown }
    const handle = below._handle
    if (!isHandle(handle)) return null
    below._handle = null
    socket.destroy()
    return new LeanSocket(handle)
  }

  private constructor(handle: Handle) {
    const onread = {
      buffer: memory,
      callback: (length: number) => this.#read(length),
    }
    // As a server of HTTP has its sockets: who gets an end says when its own comes.
    super({ handle, onread, allowHalfOpen: true } as object as SocketConstructorOpts)
  }

  /** From now on what is read is told to this one, and does not become events; with null it does again. */
  readsTo(onBytes: OnBytes | null): void {
    this.#onBytes = onBytes
  }

  /**
   * Gives the kernel the bytes from `start` to `end` at once, past the stream, and tells how many it took. The rest is
   * for the stream: all of it where bytes wait there, which nothing may overtake, and where anything is wrong, which the
   * stream finds out for itself.
   */
  writeNow(bytes: Uint8Array, start: number, end: number): number {
    if (this.writableLength > 0 || !this.writable) return 0
    // Asked for each time: a number that was closed may be another connection's by now.
    const { fd } = (this as unknown as { _handle: Handle | null })._handle ?? { fd: -1 }
    if (fd < 0) return 0
    try {
      return writeSync(fd, bytes, start, end - start)
    } catch {
      // Nothing was taken: it is full, or broken, and the stream will meet the same.
      return 0
    }
  }

  /** False where no more is to be read for now. */
  #read(length: number): boolean {
    if (this.#onBytes === null) return this.push(Buffer.from(memory.subarray(0, length)))
    this.#onBytes(memory, length)
    return true
  }
}

function isHandle(value: unknown): value is Handle {
  const { fd, useUserBuffer } = (value ?? {}) as { fd?: unknown; useUserBuffer?: unknown }
  return typeof fd === 'number' && fd >= 0 && typeof useUserBuffer === 'function'
}
