import type { Config } from '../../daemon/config/schema.ts'
import { Fault } from '../../errors.ts'
import {
  type FingerprintPart,
  fingerprintParts,
  type MachineFingerprint,
  matchFingerprint,
  type PartStatus,
  partNames,
  rehearse,
} from '../../license/fingerprint.ts'
import { authenticateLicense } from '../../license/verify.ts'
import { exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { authenticationContext, readLicenseFile } from './license-context.ts'
import { tellRehearsals } from './rehearsal.ts'
import { plainTable } from './status-view.ts'
import { readThisMachine, type ThisMachine } from './this-machine.ts'

const RULE =
  'A license fits while at most one of its parts differs, and the machine-id, the DMI product UUID or the ' +
  'network interfaces are the same. Network interfaces are the same while at least half of the licensed ones are there.'

/** One part of the fingerprint, as it is shown. */
interface PartRow {
  part: FingerprintPart
  name: string
  /** Keyed hashes (HMAC-SHA-256, base64url), none where the part is absent. */
  digests: string[]
  /** Whether a license for this machine would still fit if this part were replaced. */
  fitsIfReplaced: boolean
  /** How the part compares with the installed license; null where that cannot be read. */
  license: PartStatus | null
  /** The facts themselves, only where they were asked for. */
  facts?: string[]
}

export const fingerprint = defineCommand({
  command: 'fingerprint',
  describe: 'Show what locks a license to this machine, and what may change',
  builder: argv =>
    withDaemonFlags(argv)
      .option('show-facts', { type: 'boolean', default: false, describe: 'Also print the facts themselves' })
      .option('rehearse', {
        type: 'string',
        array: true,
        requiresArg: true,
        describe:
          'Instead: whether the license would fit after this part was replaced: machine-id, product-uuid, cpu, macs, or one MAC address; several at once, or all for every combination',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const machine = await readThisMachine(config)
    const licensed = await licensedFingerprint(config)
    if (args.rehearse !== undefined) {
      return tellRehearsals(args.rehearse, licensed, machine, args.json, terminal)
    }
    const rows = fingerprintParts.map(part => rowOf(part, machine, licensed, args.showFacts))
    const match =
      licensed !== null && machine.fingerprint !== null
        ? matchFingerprint(licensed, machine.fingerprint)
        : null
    if (args.json) {
      const thumbprint = machine.jkt instanceof Fault ? null : machine.jkt
      const { unreadable } = machine.reading
      terminal.printJson({ machineKeyThumbprint: thumbprint, parts: rows, match, unreadable, rule: RULE })
      return exitCode.ok
    }
    print(machine, rows, terminal)
    if (match !== null) terminal.print(`\nInstalled license: ${match.explanation}`)
    return exitCode.ok
  },
})

/** The fingerprint in the installed license, where it can be read and is genuine. */
async function licensedFingerprint(config: Config): Promise<MachineFingerprint | null> {
  try {
    const text = readLicenseFile(config.license.file)
    if (text === null) return null
    const verdict = await authenticateLicense(text, await authenticationContext(config, { anyMachine: true }))
    return verdict.license?.fingerprint ?? null
  } catch (error) {
    // What stops the comparison (no right to read the license, no roots yet) does not stop the fingerprint.
    if (error instanceof Fault) return null
    throw error
  }
}

function rowOf(
  part: FingerprintPart,
  { fingerprint, reading }: ThisMachine,
  licensed: MachineFingerprint | null,
  showFacts: boolean,
): PartRow {
  const digests = [fingerprint?.[part] ?? []].flat()
  const row: PartRow = {
    part,
    name: partNames[part],
    digests,
    fitsIfReplaced: fingerprint !== null && (digests.length === 0 || rehearse(fingerprint, part).matches),
    license:
      licensed === null || fingerprint === null
        ? null
        : (matchFingerprint(licensed, fingerprint).parts.find(entry => entry.part === part)?.status ?? null),
  }
  if (showFacts) row.facts = [reading.facts[part] ?? []].flat()
  return row
}

function print(machine: ThisMachine, rows: PartRow[], terminal: Terminal): void {
  const { jkt, reading } = machine
  const key =
    jkt instanceof Fault
      ? `not shown (${jkt.message})`
      : (jkt ?? 'none yet; sessiond makes it at its first start')
  terminal.print(`Machine key  ${key}`)
  terminal.print()
  const hasLicense = rows.some(row => row.license !== null)
  const hasFacts = rows.some(row => row.facts !== undefined)
  const head = [
    'Part',
    'Keyed hash',
    'If it were replaced',
    ...(hasLicense ? ['License'] : []),
    ...(hasFacts ? ['Fact'] : []),
  ]
  const table = plainTable(head, [])
  for (const row of rows) {
    const cells = [row.name, hashText(row.digests), row.digests.length === 0 ? '-' : replacedText(row)]
    if (hasLicense) cells.push(row.license ?? '-')
    if (hasFacts) cells.push(row.facts?.join(' ') ?? '-')
    table.push(cells)
  }
  for (const line of table.toString().split('\n')) terminal.print(line.trimEnd())
  terminal.print()
  terminal.print(RULE)
  if (machine.fingerprint === null) {
    terminal.say('warning: nothing tells this machine from another; only a demonstration license fits it.')
  }
  for (const { part, path, why } of reading.unreadable) {
    terminal.say(`warning: the ${partNames[part]} is left out, since ${path} cannot be read: ${why}`)
  }
}

function hashText(digests: string[]): string {
  const [first] = digests
  if (first === undefined) return 'absent'
  const short = `${first.slice(0, 16)}…`
  return digests.length === 1 ? short : `${short} and ${digests.length - 1} more`
}

function replacedText(row: PartRow): string {
  return row.fitsIfReplaced ? 'license still fits' : 'license fits no more'
}
