import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../errors.ts'
import type { FingerprintPart, MachineFacts } from '../../license/fingerprint.ts'

export interface FactSources {
  /** Where /etc, /sys and /proc are; `/` on a real machine. */
  root?: string
  /**
   * The directory of systemd credentials ($CREDENTIALS_DIRECTORY), where the unit passes the DMI product
   * UUID on: the kernel shows it to root alone. Null where there is none.
   */
  credentialsDirectory?: string | null
}

export interface MachineReading {
  facts: MachineFacts
  /** Facts that exist and could not be read, each with the reason: worth a line to the operator. */
  unreadable: { part: FingerprintPart; path: string; why: string }[]
}

/** The name of the credential that carries the DMI product UUID. */
export const productUuidCredential = 'product-uuid'

/** No fact is longer; /proc/cpuinfo of a big machine is, and only its head is looked at. */
const maxFactBytes = 64 * 1024

/**
 * Reads what tells this machine from others. Never fails: a fact that is not there is absent.
 *
 * The daemon runs as a user without privileges, `sessionctl` often as root, and both must see the same
 * machine. All facts but one can be read by everybody. The DMI product UUID cannot (mode 0400), so the
 * daemon's unit has systemd read it as root and pass it on as a credential:
 *   LoadCredential=product-uuid:/sys/class/dmi/id/product_uuid
 * root's sessionctl reads the same file. Where neither holds (a daemon started by hand), the part is
 * reported in `unreadable`, and matchFingerprint bears one part that is missing.
 */
export function readMachineFacts(sources: FactSources = {}): MachineReading {
  const root = sources.root ?? '/'
  const credentials = sources.credentialsDirectory ?? null
  const unreadable: MachineReading['unreadable'] = []
  const read = (part: FingerprintPart, path: string) => {
    const reading = readFact(path)
    if (reading.why !== undefined) unreadable.push({ part, path, why: reading.why })
    return reading.text
  }
  const passedOn = credentials === null ? null : read('productUuid', join(credentials, productUuidCredential))
  const facts: MachineFacts = {
    machineId:
      read('machineId', join(root, 'etc/machine-id')) ??
      read('machineId', join(root, 'var/lib/dbus/machine-id')),
    productUuid: passedOn ?? read('productUuid', join(root, 'sys/class/dmi/id/product_uuid')),
    macs: readMacs(join(root, 'sys/class/net'), path => read('macs', path)),
    cpuModel: cpuModelIn(read('cpuModel', join(root, 'proc/cpuinfo')) ?? ''),
  }
  return { facts, unreadable }
}

/** The text of a small file, null where it is absent or empty; `why` where it is there and cannot be read. */
function readFact(path: string): { text: string | null; why?: string } {
  try {
    const text = readFileSync(path, 'utf8').slice(0, maxFactBytes).trim()
    return { text: text === '' ? null : text }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? { text: null } : { text: null, why: messageOf(error) }
  }
}

/**
 * MAC addresses of physical Ethernet interfaces, as the hardware has them. Left out: interfaces without a
 * device behind them (bridges, tunnels, containers), virtual functions of a card, which come and go, and
 * addresses that the kernel or an operator made up (addr_assign_type is not 0). Locally administered
 * addresses count only where there are no others: that is what most virtual machines have.
 */
function readMacs(directory: string, read: (path: string) => string | null): string[] {
  const macs = interfacesIn(directory)
    .filter(name => isPhysical(join(directory, name)))
    .map(name => read(join(directory, name, 'address')))
    .filter(mac => mac !== null)
  const universal = macs.filter(mac => (Number.parseInt(mac.slice(0, 2), 16) & 0x02) === 0)
  return (universal.length > 0 ? universal : macs).sort()
}

function interfacesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // No /sys at all, as in some sandboxes: a machine without interfaces.
    return []
  }
}

const ethernet = '1'
const permanentAddress = '0'

function isPhysical(path: string): boolean {
  if (!exists(join(path, 'device')) || exists(join(path, 'device/physfn'))) return false
  const type = readFact(join(path, 'type')).text ?? ethernet
  const assigned = readFact(join(path, 'addr_assign_type')).text ?? permanentAddress
  return type === ethernet && assigned === permanentAddress
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** x86 names the model; ARM gives numbers for implementer and part, or a board in `Hardware` or `Model`. */
function cpuModelIn(cpuinfo: string): string | null {
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm').exec(cpuinfo)?.[1]?.trim() ?? null
  const named = field('model name') ?? field('cpu model') ?? field('Hardware') ?? field('Model')
  if (named !== null) return named
  const implementer = field('CPU implementer')
  const part = field('CPU part')
  return implementer !== null && part !== null ? `${implementer} ${part}` : null
}
