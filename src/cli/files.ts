import { readFileSync } from 'node:fs'
import { Fault, messageOf } from '../errors.ts'
import { notPermitted } from '../who-may.ts'

export { type WriteOptions, writeFileAtomically } from '../write-file.ts'

/** Reads a file that an operator named. */
export function readOperatorFile(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') throw notPermitted(file, 'read', error)
    const isMissing = code === 'ENOENT'
    const message = isMissing ? `There is no file ${file}.` : `${file} cannot be read: ${messageOf(error)}`
    throw new Fault(isMissing ? 'file-not-found' : 'file-not-readable', message, {
      hint: isMissing ? 'Look at its name.' : `Look at its owner and mode: ls -l ${file}`,
      cause: error,
    })
  }
}
