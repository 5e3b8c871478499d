/** The oldest Node.js that has what these programs use; `engines` in package.json says the same. */
export const OLDEST_NODE = '22.19.0'

/**
 * The line to print on a Node.js that is too old, or null. Programs ask before they load anything else: on an
 * old version better-sqlite3 ends the process with a segmentation fault.
 */
export function oldNodeComplaint(program: string, version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split('.').map(Number)
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null
  return `error: ${program} needs Node.js ${OLDEST_NODE} or newer, but this is ${version} (${process.execPath}).`
}

/** Complains on stderr and sets the exit code where this Node.js is too old; true where it will do. */
export function checkNode(program: string): boolean {
  const complaint = oldNodeComplaint(program, process.versions.node)
  if (complaint === null) return true
  process.stderr.write(`${complaint}\n`)
  process.exitCode = 1
  return false
}
