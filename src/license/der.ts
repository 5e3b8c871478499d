/** One element of DER: its tag byte and its content. `end` is where the next one begins. */
export interface DerElement {
  tag: number
  content: Uint8Array
  end: number
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  version: 0xa0,
  extensions: 0xa3,
} as const

/** Thrown for bytes that are no strict DER. It never leaves this folder: see certificate-terms.ts. */
export class DerFlaw extends Error {
  override readonly name = 'DerFlaw'
}

/**
 * Reads the element at `offset`. Strict: one-byte tags, definite and minimal lengths, nothing past the end.
 * Only as much of DER as the extensions of a certificate need; the rest of a certificate is node:crypto's.
 */
export function readDer(bytes: Uint8Array, offset: number): DerElement {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined) throw new DerFlaw('an element is cut short')
  if ((tag & 0x1f) === 0x1f) throw new DerFlaw('a tag is longer than one byte')
  const { length, start } =
    first < 0x80 ? { length: first, start: offset + 2 } : readLongLength(bytes, offset + 2, first & 0x7f)
  const end = start + length
  if (end > bytes.length) throw new DerFlaw('an element is cut short')
  return { tag, content: bytes.subarray(start, end), end }
}

function readLongLength(bytes: Uint8Array, offset: number, size: number): { length: number; start: number } {
  if (size === 0 || size > 3) throw new DerFlaw('a length is indefinite or absurd')
  let length = 0
  for (let index = 0; index < size; index++) length = length * 256 + (bytes[offset + index] ?? 0)
  if (length < 0x80 || length < 256 ** (size - 1)) throw new DerFlaw('a length is not minimal')
  return { length, start: offset + size }
}

/** All elements in the content of one: of a SEQUENCE, for example. */
export function readDerList(content: Uint8Array): DerElement[] {
  const elements: DerElement[] = []
  for (let offset = 0; offset < content.length; ) {
    const element = readDer(content, offset)
    elements.push(element)
    offset = element.end
  }
  return elements
}

/** The single element that fills `bytes`, which must have `tag`. */
export function readDerWhole(bytes: Uint8Array, tag: number): DerElement {
  const element = readDer(bytes, 0)
  if (element.tag !== tag) throw new DerFlaw(`tag ${element.tag} stands where ${tag} belongs`)
  if (element.end !== bytes.length) throw new DerFlaw('bytes follow the element')
  return element
}
