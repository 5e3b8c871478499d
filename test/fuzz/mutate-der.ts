import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

/** One element of DER: tag, and either elements or bytes. */
export interface Element {
  readonly tag: number
  readonly content: Element[] | Buffer
}

/** Reads DER that is known to be good: test material, never what came from elsewhere. */
export function readDer(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!
    let length = bytes[at + 1]!
    let start = at + 2
    if (length > 0x80) {
      const digits = length & 0x7f
      length = bytes.readUIntBE(start, digits)
      start += digits
    }
    const content = bytes.subarray(start, start + length)
    elements.push({ tag, content: (tag & 0x20) === 0 ? content : readDer(content) })
    at = start + length
  }
  return elements
}

/** Writes DER; `odd` in so many percent of the lengths, one that is too long, too short or indefinite. */
export function writeDer(element: Element, random: Random, odd = 0): Buffer {
  const { tag, content } = element
  const inner = Buffer.isBuffer(content)
    ? content
    : Buffer.concat(content.map(child => writeDer(child, random, odd)))
  return Buffer.concat([Buffer.from([tag]), lengthOf(inner.length, random, odd), inner])
}

function lengthOf(length: number, random: Random, odd: number): Buffer {
  if (odd > 0 && random.chance(odd)) {
    return random.pick([
      Buffer.from([0x84, 0, 0, length >> 8, length & 0xff]),
      Buffer.from([0x80]),
      Buffer.from([0x84, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([(length + 1) & 0x7f]),
      Buffer.from([(length - 1) & 0x7f]),
    ])
  }
  if (length < 0x80) return Buffer.from([length])
  if (length < 0x100) return Buffer.from([0x81, length])
  return Buffer.from([0x82, length >> 8, length & 0xff])
}

function changed(element: Element, random: Random): Element {
  const { tag, content } = element
  if (random.chance(10))
    return { tag: random.chance(50) ? tag ^ (1 << random.below(8)) : random.below(256), content }
  if (Buffer.isBuffer(content)) return { tag, content: mutateBytes(content, random, 1) }
  if (content.length === 0) return { tag, content: [element] }
  const at = random.below(content.length)
  const list = [...content]
  switch (random.below(12)) {
    case 0:
      list.splice(at, 1)
      break
    case 1:
      list.splice(at, 0, list[at]!)
      break
    case 2:
      list.push(list.splice(at, 1)[0]!)
      break
    case 3:
      list[at] = { tag: 0x30, content: [list[at]!] }
      break
    default:
      list[at] = changed(list[at]!, random)
  }
  return { tag, content: list }
}

/** DER with a few elements changed, removed, doubled or moved, and the lengths around them made right again. */
export function mutateDer(bytes: Buffer, random: Random): Buffer {
  let [element] = readDer(bytes)
  for (let rounds = random.between(1, 2); rounds > 0; rounds--) element = changed(element!, random)
  return writeDer(element!, random, random.chance(20) ? 3 : 0)
}
