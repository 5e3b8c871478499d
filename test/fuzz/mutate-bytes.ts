import type { Random } from './random.ts'

const edges = [0, 1, 0x0a, 0x20, 0x22, 0x2e, 0x3d, 0x5c, 0x7b, 0x7f, 0x80, 0xc0, 0xe2, 0xfe, 0xff]

type Mutation = (bytes: Buffer<ArrayBuffer>, random: Random) => Buffer<ArrayBuffer>

/** `bytes` with `count` of its bytes at `at` replaced. */
function splice(bytes: Buffer, at: number, count: number, put: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + count)])
}

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const copy = Buffer.from(bytes)
    const at = random.below(copy.length)
    copy[at]! ^= 1 << random.below(8)
    return copy
  },
  function setByte(bytes, random) {
    const copy = Buffer.from(bytes)
    copy[random.below(copy.length)] = random.chance(50) ? random.pick(edges) : random.below(256)
    return copy
  },
  function remove(bytes, random) {
    return splice(bytes, random.below(bytes.length), random.between(1, 16), Buffer.alloc(0))
  },
  function insert(bytes, random) {
    return splice(bytes, random.below(bytes.length + 1), 0, random.bytes(random.between(1, 16)))
  },
  function repeat(bytes, random) {
    const at = random.below(bytes.length)
    const piece = bytes.subarray(at, at + random.between(1, 64))
    return splice(bytes, at, 0, Buffer.concat(Array.from({ length: random.between(1, 8) }, () => piece)))
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length))
  },
  function swap(bytes, random) {
    const copy = Buffer.from(bytes)
    const [from, to] = [random.below(bytes.length), random.below(bytes.length)]
    const length = Math.min(random.between(1, 32), bytes.length - Math.max(from, to))
    bytes.copy(copy, to, from, from + length)
    bytes.copy(copy, from, to, to + length)
    return copy
  },
  function overwrite(bytes, random) {
    const copy = Buffer.from(bytes)
    const at = random.below(bytes.length)
    copy.fill(random.pick(edges), at, Math.min(copy.length, at + random.between(1, 64)))
    return copy
  },
]

/** A few small damages, as bad copies, bad disks and bad people make them. */
export function mutateBytes(bytes: Buffer, random: Random, most = 4): Buffer<ArrayBuffer> {
  let result = Buffer.from(bytes)
  for (let rounds = random.between(1, most); rounds > 0; rounds--) {
    if (result.length === 0) return random.bytes(random.below(32))
    result = random.pick(mutations)(result, random)
  }
  return result
}
