import { readFileSync } from 'node:fs'
import { Fault, messageOf } from '../errors.ts'

/** Reads the token that TCP clients must present. Fault `token-file-invalid`. */
export function readAccessToken(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw tokenFault(file, `cannot be read (${messageOf(error)})`, error)
  }
  if (/^[\x21-\x7e]{16,512}$/.test(text)) return text
  throw tokenFault(file, 'must hold 16 to 512 printable characters without spaces')
}

function tokenFault(file: string, why: string, cause?: unknown): Fault {
  return new Fault('token-file-invalid', `The access token of the TCP listener, ${file}, ${why}.`, {
    hint: `Make one: (umask 027; openssl rand -hex 32 > ${file})`,
    cause,
  })
}
