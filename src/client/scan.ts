import type { WireMessage } from './wire.ts'

// Replies to acquires and releases as sessiond forms them: the members in this order, without white space, tokens
// without escapes. Nearly all that a busy client receives is of this form, and scanning it costs a fraction of
// JSON.parse. Whatever is not of this form is left to the parser: the two agree on all that the scanner takes
// (test/client/scan.test.ts).

const HEAD = '{"jsonrpc":"2.0","id":'
const GRANTED = ',"result":{"granted":true,"token":"'
const REFUSED = ',"result":{"granted":false,"reason":"'
const RELEASED = ',"result":{"released":true}}'
const NOT_RELEASED = ',"result":{"released":false}}'
const IN_USE = '","inUse":'
const LIMIT = ',"limit":'
const TAIL = '}}'

/** Every number of so many digits is a safe integer. */
const MAX_DIGITS = 15

const ZERO = 48
const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const CLOSE_BRACKET = 93
const FIRST_PRINTABLE = 0x21
const LAST_PRINTABLE = 0x7e

/** Where the scanner stands in the text. One object is used again and again: scanning is synchronous. */
const cursor = { at: 0 }

/** The messages of a frame, or `undefined` where one of them is of another form. */
export function scanReplies(text: string): WireMessage[] | undefined {
  const isBatch = text.startsWith('[')
  cursor.at = isBatch ? 1 : 0
  const replies: WireMessage[] = []
  for (;;) {
    const reply = scanReply(text)
    if (reply === undefined) return undefined
    replies.push(reply)
    if (!isBatch) break
    const next = text.charCodeAt(cursor.at++)
    if (next === CLOSE_BRACKET) break
    if (next !== COMMA) return undefined
  }
  return cursor.at === text.length ? replies : undefined
}

function scanReply(text: string): WireMessage | undefined {
  if (!take(text, HEAD)) return undefined
  const id = scanNumber(text)
  if (id < 0) return undefined
  if (take(text, RELEASED)) return { id, result: { released: true } }
  if (take(text, GRANTED)) {
    const token = scanText(text)
    if (token === undefined || !take(text, IN_USE)) return undefined
    const inUse = scanNumber(text)
    const limit = scanLimit(text)
    return inUse < 0 || limit < 0
      ? undefined
      : { id, result: { granted: true, token: detached(token), inUse, limit } }
  }
  if (take(text, REFUSED)) {
    const reason = scanText(text)
    if (reason === undefined || !take(text, IN_USE)) return undefined
    const inUse = scanNumber(text)
    const limit = scanLimit(text)
    return inUse < 0 || limit < 0
      ? undefined
      : { id, result: { granted: false, reason: detached(reason), inUse, limit } }
  }
  return take(text, NOT_RELEASED) ? { id, result: { released: false } } : undefined
}

/** -1 where no limit ends the reply. */
function scanLimit(text: string): number {
  if (!take(text, LIMIT)) return -1
  const limit = scanNumber(text)
  return take(text, TAIL) ? limit : -1
}

function take(text: string, part: string): boolean {
  if (!text.startsWith(part, cursor.at)) return false
  cursor.at += part.length
  return true
}

/** -1 where there is no whole number of a few digits. */
function scanNumber(text: string): number {
  const start = cursor.at
  let at = start
  let number = 0
  for (let digit = text.charCodeAt(at) - ZERO; digit >= 0 && digit <= 9; ) {
    number = number * 10 + digit
    digit = text.charCodeAt(++at) - ZERO
  }
  cursor.at = at
  const digits = at - start
  if (digits === 0 || digits > MAX_DIGITS) return -1
  // JSON has no leading zeros.
  return digits > 1 && text.charCodeAt(start) === ZERO ? -1 : number
}

/** The printable characters up to the next quote, which is left; `undefined` where others come before it. */
function scanText(text: string): string | undefined {
  const start = cursor.at
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) break
    // Beyond the end of the text the code is NaN, for which no comparison holds.
    if (!(code >= FIRST_PRINTABLE && code <= LAST_PRINTABLE) || code === BACKSLASH) return undefined
    at++
  }
  cursor.at = at
  return text.slice(start, at)
}

/**
 * A slice of a long text keeps all of it in memory, and a token is held as long as its session. Joined to
 * something else it becomes a text of its own.
 */
function detached(slice: string): string {
  return ` ${slice}`.slice(1)
}
