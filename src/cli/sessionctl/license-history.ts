import type { Config } from '../../daemon/config/schema.ts'
import type { KeptLicense } from '../../daemon/state-store.ts'
import type { License } from '../../license/document.ts'
import { formatInstant, sayInstant } from '../../license/instant.ts'
import {
  authenticateLicense,
  type LicenseVerdict,
  type VerifyContext,
  verifyLicense,
} from '../../license/verify.ts'
import { confirm, yesOption } from '../confirm.ts'
import { exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { findConfig, findSocket, withDaemonFlags } from './find-daemon.ts'
import { followDaemon } from './install-license.ts'
import { authenticationContext } from './license-context.ts'
import { licensedOf, withProductFlags } from './licensed-product.ts'
import { followedLine } from './outcome-view.ts'
import { withOwnLicense } from './own-license.ts'
import { withState } from './read-state.ts'
import { plainTable } from './status-view.ts'

const json = { type: 'boolean', default: false, describe: 'Print JSON' } as const

/** A license that was in force, and whether it could be again. */
interface PastLicense {
  readonly kept: KeptLicense
  /** Null where it cannot be believed any more. */
  readonly license: License | null
  readonly verdict: LicenseVerdict
}

export const history = defineCommand({
  command: 'history',
  describe: 'Show which licenses were in force, since when, and where they came from',
  builder: argv => withDaemonFlags(argv).option('json', json),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const past = await pastLicenses(config, terminal)
    if (args.json) terminal.printJson({ licenses: past.map(pastJson) })
    else if (past.length === 0) terminal.print('No license was ever in force here.')
    else for (const line of historyLines(past)) terminal.print(line)
    return exitCode.ok
  },
})

export const rollback = defineCommand({
  command: 'rollback',
  describe: 'Put the license before this one in force again, where that is still valid',
  builder: argv => withProductFlags(withDaemonFlags(argv)).option('yes', yesOption).option('json', json),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const licensed = licensedOf({ ...args, product: 'call-services' }, config, terminal)
    const past = await pastLicenses(config, terminal)
    const found = past.slice(0, -1).findLast(({ verdict }) => verdict.ok && !verdict.license.deactivated)
    if (found === undefined || found.license === null) return tellNone(past, args.json, terminal)
    const { license, kept } = found
    await confirm(
      `Put license ${license.licenseId} in force again: ${license.maxSessions} sessions, accepted ${sayInstant(kept.acceptedAt)}?`,
      args.yes,
    )
    const offered = await withOwnLicense(config, licensed, terminal, ({ keeper }) =>
      keeper.offer(kept.text, keeper.license, 'rollback'),
    )
    if (args.json) terminal.printJson({ outcome: offered.outcome, licenseId: license.licenseId })
    if (offered.outcome === 'rejected' || offered.outcome === 'overtaken') {
      const why = offered.outcome === 'rejected' ? offered.rejection.message : 'Another license came first.'
      terminal.say(`Not rolled back: ${why}`)
      return exitCode.negative
    }
    terminal.say(`Rolled back to license ${license.licenseId}. It lies in ${licensed.file}.`)
    const socket = args.socket === undefined ? config.listen.unix.path : findSocket(args, terminal)
    terminal.say(followedLine(await followDaemon(socket, licensed.file, license.licenseId)))
    return exitCode.ok
  },
})

/** The licenses of the state, oldest first, judged as if each were to be installed now. */
async function pastLicenses(config: Config, terminal: Terminal): Promise<PastLicense[]> {
  const licenses = withState(config, terminal, state => state.licenses())
  const context = await authenticationContext(config, { anyMachine: false })
  const read = await Promise.all(
    licenses.map(async kept => (await authenticateLicense(kept.text, context)).license),
  )
  return Promise.all(
    licenses.map(async (kept, index) => ({
      kept,
      license: read[index] ?? null,
      verdict: await verifyLicense(kept.text, judgedBy(context, read, read[index])),
    })),
  )
}

/**
 * An older license of an installation is superseded by the newest one that was ever in force here, also where another
 * installation is in force by now: the licensing server has replaced it, and it may have been moved away since.
 */
function judgedBy(
  context: Omit<VerifyContext, 'now' | 'inForce'>,
  all: readonly (License | undefined)[],
  license: License | undefined,
): VerifyContext {
  const same = all.filter(one => one !== undefined && one.installationId === license?.installationId)
  const generation = Math.max(0, ...same.map(one => one!.generation))
  const inForce = license === undefined ? undefined : { installationId: license.installationId, generation }
  return { ...context, now: Date.now(), inForce }
}

function tellNone(past: readonly PastLicense[], json: boolean, terminal: Terminal) {
  if (json) terminal.printJson({ outcome: 'none', licenses: past.map(pastJson) })
  terminal.say('There is no earlier license that could be in force again.')
  for (const { license, verdict } of past.slice(0, -1)) {
    if (!verdict.ok) terminal.say(`  ${license?.licenseId ?? 'unreadable'}: ${verdict.problem.code}`)
  }
  terminal.say(
    'hint: A reactivation replaces a license for good: its older generations are superseded, so that a claim that was ' +
      'moved away cannot be taken back. Ask for other terms with: sessionctl reactivate, or ask the vendor.',
  )
  return exitCode.negative
}

function pastJson({ kept, license, verdict }: PastLicense) {
  return {
    acceptedAt: formatInstant(kept.acceptedAt),
    origin: kept.origin,
    license,
    couldBeInForceAgain: verdict.ok,
    problem: verdict.ok ? null : verdict.problem.code,
  }
}

function historyLines(past: readonly PastLicense[]): string[] {
  const table = plainTable(
    ['In force since', 'From', 'Sessions', 'Expires', 'Generation', 'License', 'Now'],
    [2, 4],
  )
  for (const [index, { kept, license, verdict }] of past.entries()) {
    const now = index === past.length - 1 ? 'in force' : verdict.ok ? 'could be again' : verdict.problem.code
    table.push([
      sayInstant(kept.acceptedAt),
      kept.origin ?? 'not noted',
      license?.maxSessions ?? '-',
      license === null ? '-' : (license.expiresAt?.slice(0, 10) ?? 'never'),
      license?.generation ?? '-',
      license?.licenseId ?? 'unreadable',
      now,
    ])
  }
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
}
