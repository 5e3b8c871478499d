import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 6 * 1024

/** Gives whole numbers of 48 random bits. One call to the generator serves a thousand of them. */
export function createNonces(): () => number {
  const pool = Buffer.alloc(POOL_BYTES)
  let next = POOL_BYTES
  return () => {
    if (next === POOL_BYTES) {
      randomFillSync(pool)
      next = 0
    }
    const nonce = pool.readUIntBE(next, 6)
    next += 6
    return nonce
  }
}
