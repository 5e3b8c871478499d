import type { Call } from './messages.ts'

// Acquires and releases as every client that formats them by template sends them: the members in this order,
// without white space, keys without escapes. Nearly all frames are of this form, and scanning one costs a
// fraction of JSON.parse and validation. Whatever is not of this form is left to the parser: the two agree
// on all that the scanner takes (test/protocol/scan.test.ts).

const HEAD = '{"jsonrpc":"2.0","id":'
const ACQUIRE = ',"method":"session.acquire","params":{"key":"'
const APPLICATION = '","application":"'
const RELEASE = ',"method":"session.release","params":{"token":"'
const TAIL = '"}}'

const MAX_KEY_LENGTH = 128
const MAX_APPLICATION_LENGTH = 63
const MAX_TOKEN_LENGTH = 512
/** Every number of so many digits is a safe integer. */
const MAX_ID_DIGITS = 15

const ZERO = 48
const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const CLOSE_BRACKET = 93

/** What a character may be part of: nothing, a key or token, a name as well, the beginning of a name as well. */
const TEXT = 1
const NAME = 2
const FIRST = 3
const CLASSES = new Uint8Array(128)
for (let code = 0x21; code < 0x7f; code++) {
  if (code === QUOTE || code === BACKSLASH) continue
  const character = String.fromCharCode(code)
  CLASSES[code] = /[a-zA-Z0-9]/.test(character) ? FIRST : /[._-]/.test(character) ? NAME : TEXT
}

/** Where the scanner stands in the text. One object is used again and again: scanning is synchronous. */
const cursor = { at: 0 }

/** The request of a frame, or null where the frame is of another form. */
export function scanRequest(text: string): Call | null {
  cursor.at = 0
  const call = scanCall(text)
  return call !== null && cursor.at === text.length ? call : null
}

/** The requests of a batch of at most `maxBatchLength`, or null where it is of another form. */
export function scanBatch(text: string, maxBatchLength: number): Call[] | null {
  const calls: Call[] = []
  cursor.at = 1
  while (calls.length < maxBatchLength) {
    const call = scanCall(text)
    if (call === null) return null
    calls.push(call)
    const next = text.charCodeAt(cursor.at++)
    if (next === COMMA) continue
    return next === CLOSE_BRACKET && cursor.at === text.length ? calls : null
  }
  return null
}

function scanCall(text: string): Call | null {
  if (!text.startsWith(HEAD, cursor.at)) return null
  cursor.at += HEAD.length
  const id = scanId(text)
  if (id < 0) return null
  if (text.startsWith(ACQUIRE, cursor.at)) return scanAcquire(text, id)
  if (!text.startsWith(RELEASE, cursor.at)) return null
  cursor.at += RELEASE.length
  const token = scanText(text, MAX_TOKEN_LENGTH, TEXT)
  return token !== null && scanTail(text) ? { id, method: 'session.release', params: { token } } : null
}

function scanAcquire(text: string, id: number): Call | null {
  cursor.at += ACQUIRE.length
  const scanned = scanText(text, MAX_KEY_LENGTH, TEXT)
  if (scanned === null) return null
  const key = detached(scanned)
  if (!text.startsWith(APPLICATION, cursor.at)) {
    return scanTail(text) ? { id, method: 'session.acquire', params: { key } } : null
  }
  cursor.at += APPLICATION.length
  if (classOf(text, cursor.at) < FIRST) return null
  const application = scanText(text, MAX_APPLICATION_LENGTH, NAME)
  if (application === null || !scanTail(text)) return null
  return { id, method: 'session.acquire', params: { key, application } }
}

/** -1 where there is no whole number of a few digits. */
function scanId(text: string): number {
  const start = cursor.at
  let id = 0
  for (let digit = text.charCodeAt(start) - ZERO; digit >= 0 && digit <= 9; ) {
    id = id * 10 + digit
    digit = text.charCodeAt(++cursor.at) - ZERO
  }
  const digits = cursor.at - start
  if (digits === 0 || digits > MAX_ID_DIGITS) return -1
  // JSON has no leading zeros.
  return digits > 1 && text.charCodeAt(start) === ZERO ? -1 : id
}

/** The characters up to the next quote, which is left; null where there are none, too many, or others. */
function scanText(text: string, maxLength: number, lowest: number): string | null {
  const start = cursor.at
  while (classOf(text, cursor.at) >= lowest) cursor.at++
  const length = cursor.at - start
  if (length === 0 || length > maxLength || text.charCodeAt(cursor.at) !== QUOTE) return null
  return text.slice(start, cursor.at)
}

/**
 * A slice of a long text keeps all of it in memory, and a key is held as long as its session. Joined to
 * something else it becomes a text of its own.
 */
function detached(slice: string): string {
  return ` ${slice}`.slice(1)
}

function scanTail(text: string): boolean {
  if (!text.startsWith(TAIL, cursor.at)) return false
  cursor.at += TAIL.length
  return true
}

function classOf(text: string, at: number): number {
  const code = text.charCodeAt(at)
  // Beyond the end of the text the code is NaN, which no comparison holds for.
  return code < 128 ? CLASSES[code]! : 0
}
