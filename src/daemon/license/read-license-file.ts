import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { licenseMaxBytes } from '../../license/document.ts'
import { type LicenseProblem, licenseProblem } from '../../license/problems.ts'

/** The text of a regular file that is no longer than any license. Never waits for a pipe. */
export function readSmallFile(path: string): string | LicenseProblem {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new Error('it is not a regular file')
    if (stats.size <= licenseMaxBytes) return readFileSync(fd, 'utf8')
    return licenseProblem('license-too-large', { bytes: stats.size, maxBytes: licenseMaxBytes })
  } finally {
    closeSync(fd)
  }
}
