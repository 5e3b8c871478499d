import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { Fault, messageOf } from '../errors.ts'

/** What RFC 9110 calls a token: any other character would not fit the list of subprotocols. */
const tokenForm = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{16,512}$/

/** Reads the token that TCP clients must present. Fault `token-file-invalid`. */
export function readAccessToken(file: string): string {
  const { text, mode } = readFile(file)
  // A group may share it; whoever else could read it would be let in, and whoever could write it would choose it.
  if ((mode & 0o027) !== 0) {
    throw tokenFault(file, `is open to others: its mode is ${mode.toString(8).padStart(4, '0')}`, {
      hint: `Close it, and make a new one where it may have been read: chmod 0640 ${file}`,
    })
  }
  if (tokenForm.test(text)) return text
  const stranger = /[^A-Za-z0-9!#$%&'*+.^_`|~-]/.exec(text)?.[0]
  throw tokenFault(
    file,
    stranger === undefined || text.length < 16
      ? 'must hold 16 to 512 characters'
      : `has a character that fits no header of a WebSocket, ${JSON.stringify(stranger)}: letters, digits and !#$%&'*+.^_\`|~- do`,
  )
}

function readFile(file: string): { text: string; mode: number } {
  try {
    const descriptor = openSync(file, 'r')
    try {
      return { text: readFileSync(descriptor, 'utf8').trim(), mode: fstatSync(descriptor).mode & 0o777 }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw tokenFault(file, `cannot be read (${messageOf(error)})`, { cause: error })
  }
}

function tokenFault(file: string, why: string, more: { hint?: string; cause?: unknown } = {}): Fault {
  return new Fault('token-file-invalid', `The access token of the TCP listener, ${file}, ${why}.`, {
    hint: `Make one: (umask 027; openssl rand -hex 32 > ${file})`,
    ...more,
  })
}
