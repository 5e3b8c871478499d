/**
 * Arrays as PostgreSQL sends and receives them in its binary format (`array_recv`, `textrecv`, `int8recv`). Text and JSON
 * the server reads character by character, which was a quarter of what a reactivation cost it; of these it copies.
 */

/** Of `pg_type`; they have never changed. */
const oid = { text: 25, bigint: 20 } as const

const headBytes = 20

export function textArray(values: readonly (string | null)[]): Buffer {
  let bytes = headBytes
  for (const value of values) bytes += 4 + (value === null ? 0 : Buffer.byteLength(value))
  const array = beginArray(bytes, values.length, oid.text)
  let at = headBytes
  for (const value of values) {
    const length = value === null ? 0 : array.write(value, at + 4)
    at = array.writeInt32BE(value === null ? -1 : length, at) + length
  }
  return array
}

/** Whole numbers that JavaScript can hold. */
export function bigintArray(values: readonly number[]): Buffer {
  const array = beginArray(headBytes + 12 * values.length, values.length, oid.bigint)
  let at = headBytes
  for (const value of values) {
    at = array.writeInt32BE(8, at)
    at = array.writeBigInt64BE(BigInt(value), at)
  }
  return array
}

function beginArray(bytes: number, length: number, element: number): Buffer {
  const array = Buffer.allocUnsafe(bytes)
  array.writeInt32BE(1, 0)
  // Whether there may be nulls among them.
  array.writeInt32BE(element === oid.text ? 1 : 0, 4)
  array.writeInt32BE(element, 8)
  array.writeInt32BE(length, 12)
  // The index of the first.
  array.writeInt32BE(1, 16)
  return array
}
