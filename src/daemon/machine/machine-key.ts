import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { type MachineJwk, machineJwkOf, machineThumbprint } from '../../license/machine-key.ts'
import { howToGetIn } from '../../who-may.ts'

/** The machine's own key pair: what its license is bound to, and what signs its requests. */
export interface MachineKey {
  privateKey: KeyObject
  publicKey: KeyObject
  jwk: MachineJwk
  /** RFC 7638 thumbprint of the public key: `cnf.jkt` of the license. */
  jkt: string
}

/** The file in the state directory's `machine` folder. PKCS #8, PEM, mode 0600. */
export const machineKeyFile = 'machine.key'

/**
 * The key in `directory`, made there where there is none (directory 0700, file 0600, written whole or not at
 * all). Two programs that start at once end with the same key.
 * Faults: `machine-key-unsafe` where others could read or replace it, `machine-key-unreadable` otherwise.
 */
export async function loadOrCreateMachineKey(directory: string): Promise<MachineKey> {
  const path = join(directory, machineKeyFile)
  prepareDirectory(directory)
  const existing = await loadMachineKey(directory)
  if (existing !== null) return existing
  createKeyFile(directory, path)
  const created = await loadMachineKey(directory)
  if (created !== null) return created
  throw unreadable(path, 'it vanished as soon as it was made')
}

/** The key in `directory`, or null where there is none. Makes nothing. Faults as loadOrCreateMachineKey. */
export async function loadMachineKey(directory: string): Promise<MachineKey | null> {
  const path = join(directory, machineKeyFile)
  const pem = readKeyFile(directory, path)
  if (pem === null) return null
  const privateKey = parseKey(path, pem)
  const publicKey = createPublicKey(privateKey)
  return { privateKey, publicKey, jwk: machineJwkOf(publicKey), jkt: await machineThumbprint(publicKey) }
}

function prepareDirectory(directory: string): void {
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (made !== undefined) giveToOwnerOf(dirname(made), directory)
  } catch (cause) {
    throw unreadable(directory, messageOf(cause), cause)
  }
}

/** Made by root for a daemon that runs as another user, it belongs to whom the directory around it belongs. */
function giveToOwnerOf(parent: string, directory: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = lstatSync(parent)
  lchownSync(directory, uid, gid)
}

/** A directory that others may enter or that is a link lets somebody else decide which key this machine has. */
function checkDirectory(directory: string): Stats | null {
  const stats = lookAt(directory)
  if (stats === undefined) return null
  if (!stats.isDirectory()) throw unsafe(directory, 'it is not a directory of its own', `ls -ld ${directory}`)
  if ((stats.mode & 0o077) !== 0)
    throw unsafe(directory, `its mode is ${modeOf(stats)}`, `chmod 0700 ${directory}`)
  return stats
}

/** Who may not pass the folders above it may not read the key either. */
function lookAt(directory: string): Stats | undefined {
  try {
    return lstatSync(directory, { throwIfNoEntry: false })
  } catch (cause) {
    throw unreadable(directory, messageOf(cause), cause)
  }
}

function readKeyFile(directory: string, path: string): string | null {
  if (checkDirectory(directory) === null) return null
  let descriptor: number
  try {
    // O_NOFOLLOW: a symbolic link could point at a key that somebody else may change.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    if (code === 'ELOOP') throw unsafe(path, 'it is a symbolic link', `ls -l ${path}`)
    throw unreadable(path, messageOf(cause), cause)
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw unsafe(path, 'it is not a file', `ls -l ${path}`)
    if ((stats.mode & 0o077) !== 0) throw unsafe(path, `its mode is ${modeOf(stats)}`, `chmod 0600 ${path}`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function parseKey(path: string, pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (cause) {
    throw unreadable(path, messageOf(cause), cause)
  }
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  throw unreadable(path, 'it holds another kind of key than EC P-256')
}

/**
 * Writes a new key under a name of its own and links it into place: a link is made only where nothing is
 * there yet, so the loser of a race keeps the winner's key, and a crash leaves no half of one.
 */
function createKeyFile(directory: string, path: string): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const temporary = `${path}.${process.pid}`
  try {
    rmSync(temporary, { force: true })
    writeDurably(
      temporary,
      privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      lstatSync(directory),
    )
    linkSync(temporary, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return
    throw unreadable(path, messageOf(cause), cause)
  } finally {
    rmSync(temporary, { force: true })
    syncDirectory(directory)
  }
}

function writeDurably(path: string, text: string, directory: Stats): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    writeFileSync(descriptor, text)
    // As with the directory: root may make the key, the daemon must be able to read it.
    if (process.getuid?.() === 0) fchownSync(descriptor, directory.uid, directory.gid)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function modeOf(stats: Stats): string {
  return (stats.mode & 0o777).toString(8).padStart(4, '0')
}

function unsafe(path: string, why: string, command: string): Fault {
  return new Fault('machine-key-unsafe', `The machine key is not safe at ${path}: ${why}.`, {
    hint: `Only the daemon's user may read it: \`${command}\`.`,
  })
}

function unreadable(path: string, why: string, cause?: unknown): Fault {
  return new Fault('machine-key-unreadable', `The machine key at ${path} cannot be used: ${why}.`, {
    hint:
      (cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES'
        ? howToGetIn(path, 'read')
        : 'Restore it from a backup. If it is lost, remove the file and ask the vendor to move the license to this machine.',
    cause,
  })
}
