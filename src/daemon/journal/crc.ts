import { crc32 } from 'node:zlib'

/** Up to here a table is faster than to call zlib, which looks at its arguments first. */
const FEW_BYTES = 256

const POLYNOMIAL = 0xedb88320

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ POLYNOMIAL
  return value
})

/** CRC-32 as of gzip and Ethernet, of the bytes from `start` to `end`. */
export function crcOf(bytes: Buffer, start: number, end: number): number {
  if (end - start > FEW_BYTES) return crc32(bytes.subarray(start, end))
  let crc = -1
  for (let at = start; at < end; at++) crc = TABLE[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}
