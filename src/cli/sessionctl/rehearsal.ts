import { Fault } from '../../errors.ts'
import {
  fingerprintIfAny,
  type MachineFingerprint,
  type RehearsedChange,
  rehearseChanges,
} from '../../license/fingerprint.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'
import type { ThisMachine } from './this-machine.ts'

/** A part that can be replaced, by the name that operators use. */
interface Replaceable {
  readonly name: string
  readonly changes: readonly RehearsedChange[]
}

/** So many parts give 1,023 combinations; a machine with more interfaces names those that it means. */
const MAX_COMBINED = 10

/** Says whether the license would still fit after parts of this machine were replaced; 3 where it would not. */
export function tellRehearsals(
  names: readonly string[],
  licensed: MachineFingerprint | null,
  { fingerprint, reading }: ThisMachine,
  json: boolean,
  terminal: Terminal,
): ExitCode {
  if (fingerprint === null) {
    throw new Fault(
      'machine-without-facts',
      'Nothing tells this machine from another, so no part can be replaced.',
      {
        hint: 'Give it a machine-id: sudo systemd-machine-id-setup',
      },
    )
  }
  const parts = replaceableParts(fingerprint, reading.facts.macs)
  const words = names.flatMap(name => name.split(',')).filter(name => name !== '')
  const isAll = words.length === 1 && words[0] === 'all'
  const sets = isAll
    ? combinations(parts.filter(({ name }) => name !== 'macs'))
    : [words.map(word => partOf(word, parts))]
  const rows = sets.map(set => {
    const changes = set.flatMap(({ changes }) => changes)
    const { matches, explanation } = rehearseChanges(licensed ?? fingerprint, fingerprint, changes)
    return { replaced: set.map(({ name }) => name), fits: matches, explanation }
  })
  if (json)
    terminal.printJson({
      against: licensed === null ? 'this machine as it is' : 'the installed license',
      rehearsals: rows,
    })
  else {
    if (licensed === null)
      terminal.say('There is no license that can be read: a license for this machine as it is now is taken.')
    for (const { replaced, fits, explanation } of rows) {
      const word = fits ? terminal.style('green', 'fits') : terminal.style('red', 'fits no more')
      terminal.print(`${replaced.join(' + ')}: ${word}${isAll ? '' : `. ${explanation}`}`)
    }
  }
  return isAll || rows.every(({ fits }) => fits) ? exitCode.ok : exitCode.negative
}

function replaceableParts(fingerprint: MachineFingerprint, macs: readonly string[]): Replaceable[] {
  const parts: Replaceable[] = []
  if (fingerprint.machineId !== null) parts.push({ name: 'machine-id', changes: ['machineId'] })
  if (fingerprint.productUuid !== null) parts.push({ name: 'product-uuid', changes: ['productUuid'] })
  if (fingerprint.cpuModel !== null) parts.push({ name: 'cpu', changes: ['cpuModel'] })
  const single = macs.flatMap(mac => {
    const digest = digestOfMac(mac)
    return digest !== null && fingerprint.macs.includes(digest)
      ? [{ name: mac.toLowerCase(), changes: [{ mac: digest }] }]
      : []
  })
  if (fingerprint.macs.length > 0)
    parts.push({ name: 'macs', changes: fingerprint.macs.map(mac => ({ mac })) })
  return [...parts, ...single]
}

/** As it stands in the fingerprint of a machine that has nothing else. */
function digestOfMac(mac: string): string | null {
  const facts = { machineId: null, productUuid: null, macs: [mac], cpuModel: null }
  return fingerprintIfAny(facts)?.macs[0] ?? null
}

function partOf(word: string, parts: readonly Replaceable[]): Replaceable {
  const part = parts.find(({ name }) => name === word.toLowerCase())
  if (part !== undefined) return part
  throw new Fault('usage', `This machine has no part ${JSON.stringify(word)} that counts.`, {
    hint: `It has: ${parts.map(({ name }) => name).join(', ')}. For every combination: --rehearse all`,
  })
}

/** Every combination, smaller ones first. */
function combinations(parts: readonly Replaceable[]): Replaceable[][] {
  if (parts.length > MAX_COMBINED) {
    throw new Fault('usage', `This machine has ${parts.length} parts, too many for every combination.`, {
      hint: 'Name those that you mean, such as --rehearse machine-id,cpu',
    })
  }
  const sets: Replaceable[][] = []
  for (let bits = 1; bits < 2 ** parts.length; bits++)
    sets.push(parts.filter((_, index) => (bits & (2 ** index)) !== 0))
  return sets.sort((a, b) => a.length - b.length)
}
