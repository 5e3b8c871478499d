import { createHmac } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Fault } from '../errors.ts'
import { nullable, thumbprint } from './fields.ts'

/** What one machine says of itself, as read by the daemon. A fact that is absent is null or empty. */
export interface MachineFacts {
  /** /etc/machine-id: 32 hexadecimal digits. */
  machineId: string | null
  /** The mainboard's (or virtual machine's) UUID from DMI. */
  productUuid: string | null
  /** MAC addresses of physical interfaces, in any order and case. */
  macs: readonly string[]
  cpuModel: string | null
}

export const fingerprintParts = ['machineId', 'productUuid', 'macs', 'cpuModel'] as const
export type FingerprintPart = (typeof fingerprintParts)[number]

/** Parts that tell one machine from another. The CPU model does not: many machines share it. */
const strongParts: readonly FingerprintPart[] = ['machineId', 'productUuid', 'macs']

/** No machine is licensed by more interfaces; the lowest addresses are kept. */
export const maxMacs = 32

const context = 'sessiond fingerprint v1'

/**
 * A machine's fingerprint: each fact only as HMAC-SHA-256 under a constant context, in base64url.
 * The context is no secret. It keeps the values from being compared with hashes made for another purpose,
 * and keeps the facts from being read off; a fact that can be guessed (a CPU model) can be confirmed.
 */
export const MachineFingerprint = Type.Object({
  scheme: Type.Literal(1),
  machineId: nullable(thumbprint),
  productUuid: nullable(thumbprint),
  /** A set, sorted, so that the order in which the kernel lists interfaces means nothing. */
  macs: Type.Array(thumbprint, { maxItems: maxMacs, uniqueItems: true }),
  cpuModel: nullable(thumbprint),
})
export type MachineFingerprint = Static<typeof MachineFingerprint>

/** Firmware that was never filled in. Two such machines would look alike, so the value counts as absent. */
const placeholder =
  /^(default string|to be filled.*|not settable|not specified|not applicable|not present|system serial number|system product name|none|unknown|n\/?a|o\.?e\.?m\.?|uninitialized)$/i

/** The fingerprint of these facts, or null where no fact tells this machine from another. */
export function fingerprintIfAny(facts: MachineFacts): MachineFingerprint | null {
  const machineId = cleanMachineId(facts.machineId)
  const productUuid = cleanUuid(facts.productUuid)
  const macs = [...new Set(facts.macs.map(cleanMac).filter(mac => mac !== null))].sort().slice(0, maxMacs)
  if (machineId === null && productUuid === null && macs.length === 0) return null
  const cpuModel = cleanText(facts.cpuModel)
  return {
    scheme: 1,
    machineId: machineId === null ? null : digestOf('machineId', machineId),
    productUuid: productUuid === null ? null : digestOf('productUuid', productUuid),
    macs: macs.map(mac => digestOf('mac', mac)).sort(),
    cpuModel: cpuModel === null ? null : digestOf('cpuModel', cpuModel),
  }
}

/** As fingerprintIfAny, with a Fault `machine-without-facts` where there is none. */
export function fingerprintOf(facts: MachineFacts): MachineFingerprint {
  const fingerprint = fingerprintIfAny(facts)
  if (fingerprint !== null) return fingerprint
  throw new Fault(
    'machine-without-facts',
    'This machine cannot be licensed: it has no machine-id, no DMI product UUID and no physical network interface.',
    { hint: 'Give it a machine-id with `sudo systemd-machine-id-setup` and try again.' },
  )
}

function digestOf(name: string, value: string): string {
  return createHmac('sha256', context).update(`${name}\0${value}`).digest('base64url')
}

function cleanText(text: string | null): string | null {
  const clean = text?.trim().replace(/\s+/g, ' ') ?? ''
  return clean === '' || placeholder.test(clean) ? null : clean
}

function cleanMachineId(text: string | null): string | null {
  const id = text?.trim().toLowerCase() ?? ''
  return /^[0-9a-f]{32}$/.test(id) && !isUniform(id) ? id : null
}

function cleanUuid(text: string | null): string | null {
  const uuid = cleanText(text)?.toLowerCase() ?? null
  if (uuid === null) return null
  const digits = uuid.replaceAll('-', '')
  return /^[0-9a-f]{32}$/.test(digits) && !isUniform(digits) && !knownJunkUuids.has(digits) ? uuid : null
}

/** UUIDs that vendors left in the firmware of whole series of boards. */
const knownJunkUuids = new Set(['03000200040005000006000700080009', '00020003000400050006000700080009'])

function cleanMac(text: string): string | null {
  const mac = text.trim().toLowerCase().replaceAll('-', ':')
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) && !isUniform(mac.replaceAll(':', '')) ? mac : null
}

/** All zeros, all F: one digit all through. */
function isUniform(digits: string): boolean {
  return /^(.)\1*$/.test(digits)
}

export type PartStatus = 'same' | 'changed' | 'missing' | 'new'

export interface FingerprintMatch {
  matches: boolean
  /** One entry for each part that the license or the machine has, in the order of fingerprintParts. */
  parts: { part: FingerprintPart; status: PartStatus }[]
  /** One sentence for people. */
  explanation: string
}

/**
 * Compares the fingerprint in a license with that of this machine. It matches where at most one licensed
 * part differs (changed or missing) and at least one strong part is the same. MACs are the same where at
 * least half of the licensed ones, and at least one, are still there. Parts that the license lacks are
 * `new` and decide nothing.
 */
export function matchFingerprint(
  licensed: MachineFingerprint,
  current: MachineFingerprint,
): FingerprintMatch {
  const parts: FingerprintMatch['parts'] = []
  for (const part of fingerprintParts) {
    const status =
      part === 'macs'
        ? compareMacs(licensed.macs, current.macs)
        : compareDigests(licensed[part], current[part])
    if (status !== null) parts.push({ part, status })
  }
  const differing = parts
    .filter(({ status }) => status === 'changed' || status === 'missing')
    .map(({ part }) => part)
  const strongSame = parts.some(({ part, status }) => status === 'same' && strongParts.includes(part))
  const matches = differing.length <= 1 && strongSame
  return { matches, parts, explanation: explain(matches, differing) }
}

/** The match after `part` of this machine had changed: what an operator wants to know before a repair. */
export function rehearse(fingerprint: MachineFingerprint, part: FingerprintPart): FingerprintMatch {
  const changed = digestOf(part, 'a replacement that no machine has')
  return matchFingerprint(fingerprint, { ...fingerprint, [part]: part === 'macs' ? [changed] : changed })
}

/** A change that is rehearsed: a part as a whole, or the network interface of that digest alone. */
export type RehearsedChange = Exclude<FingerprintPart, 'macs'> | { readonly mac: string }

/** The match of a license after all these changes of this machine at once. */
export function rehearseChanges(
  licensed: MachineFingerprint,
  current: MachineFingerprint,
  changes: readonly RehearsedChange[],
): FingerprintMatch {
  const changed = { ...current }
  for (const change of changes) {
    if (typeof change === 'string') changed[change] = digestOf(change, 'a replacement that no machine has')
    else {
      const replacement = digestOf('mac', `in place of ${change.mac}`)
      changed.macs = changed.macs.map(mac => (mac === change.mac ? replacement : mac))
    }
  }
  return matchFingerprint(licensed, changed)
}

function compareDigests(licensed: string | null, current: string | null): PartStatus | null {
  if (licensed === null) return current === null ? null : 'new'
  if (current === null) return 'missing'
  return licensed === current ? 'same' : 'changed'
}

function compareMacs(licensed: readonly string[], current: readonly string[]): PartStatus | null {
  if (licensed.length === 0) return current.length === 0 ? null : 'new'
  if (current.length === 0) return 'missing'
  const kept = licensed.filter(mac => current.includes(mac)).length
  return kept * 2 >= licensed.length ? 'same' : 'changed'
}

/** The parts as people call them. */
export const partNames: Record<FingerprintPart, string> = {
  machineId: 'machine-id',
  productUuid: 'DMI product UUID',
  macs: 'network interfaces',
  cpuModel: 'CPU model',
}

function explain(matches: boolean, differing: FingerprintPart[]): string {
  const names = differing.map(part => partNames[part]).join(', ')
  if (matches && differing.length === 0) return 'Every licensed part of this machine is unchanged.'
  if (matches) return `This is the licensed machine: one part differs (${names}), and one may.`
  if (differing.length > 1) {
    return `This is another machine: ${differing.length} parts differ (${names}), and only one may.`
  }
  return `This is another machine: one part differs (${names}), and no other in the license tells machines apart.`
}
