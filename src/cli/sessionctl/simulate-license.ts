import { readFileSync } from 'node:fs'
import type { Config } from '../../daemon/config/schema.ts'
import { Fault } from '../../errors.ts'
import type { License } from '../../license/document.ts'
import { authenticateLicense, type LicenseVerdict, verifyLicense } from '../../license/verify.ts'
import type { ResultOf } from '../../protocol/schemas.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile } from '../files.ts'
import { defineCommand } from '../program.ts'
import { askDaemon } from './ask-daemon.ts'
import { findConfig, findSocket, withDaemonFlags } from './find-daemon.ts'
import { authenticationContext, verifyContext } from './license-context.ts'
import { simulationLines } from './simulation-view.ts'

type Status = ResultOf<'status.get'>

/** A term that the new license would change. */
export interface TermChange {
  readonly term: string
  readonly before: unknown
  readonly after: unknown
}

/** What would change if a license file were installed now. */
export interface Simulation {
  readonly verdict: LicenseVerdict
  readonly changes: readonly TermChange[]
  /** Null where no daemon runs. */
  readonly use: {
    readonly inUse: number
    readonly limit: number
    /** Sessions above the new limit: none is dropped, new ones are refused until as many have ended. */
    readonly above: number
    /** Applications that get no new session, since their feature is not in the new license. */
    readonly withoutFeature: readonly { name: string; feature: string; inUse: number }[]
  } | null
}

export const simulate = defineCommand({
  command: 'simulate <file>',
  describe: 'Say what a license file would change, without installing it',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('file', { type: 'string', demandOption: true, describe: 'The license file' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const text = readOperatorFile(terminal.resolve(args.file))
    const verdict = await verifyLicense(text, await verifyContext(config, { anyMachine: false }))
    const socket = args.socket === undefined ? config.listen.unix.path : findSocket(args, terminal)
    const status = await statusOrNull(socket)
    const simulation = simulationOf(verdict, await inForce(config), status, config)
    if (args.json) {
      const { changes, use } = simulation
      const problem = verdict.ok ? null : verdict.problem
      terminal.printJson({ wouldBeAccepted: verdict.ok, problem, changes, use })
    } else for (const line of simulationLines(simulation)) terminal.print(line)
    return verdict.ok ? exitCode.ok : exitCode.negative
  },
})

export function simulationOf(
  verdict: LicenseVerdict,
  before: License | null,
  status: Status | null,
  config: Pick<Config, 'applications'>,
): Simulation {
  const after = verdict.license ?? null
  if (after === null) return { verdict, changes: [], use: null }
  const [was, is] = [before === null ? null : termsOf(before), termsOf(after)]
  const changes = Object.entries(is)
    .map(([term, value]) => ({ term, before: was?.[term] ?? null, after: value }))
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after))
  const limit = after.deactivated ? 0 : after.maxSessions
  if (status === null) return { verdict, changes, use: null }
  const withoutFeature = Object.entries(config.applications).flatMap(([name, { feature }]) => {
    if (feature === null || after.features.includes(feature)) return []
    return [{ name, feature, inUse: status.applications.find(one => one.name === name)?.inUse ?? 0 }]
  })
  const { inUse } = status
  return { verdict, changes, use: { inUse, limit, above: Math.max(0, inUse - limit), withoutFeature } }
}

/** The terms that matter to an operator, by the names that people use. */
function termsOf(license: License): Record<string, unknown> {
  return {
    sessions: license.deactivated ? 0 : license.maxSessions,
    features: [...license.features].sort(),
    expires: license.expiresAt,
    'days of grace': license.graceDays,
    'to be refreshed within days': license.reactivation.requiredWithinDays,
    overdraft: license.overdraft,
    'emergency class': license.emergencyClass,
    customer: license.customer.name,
    installation: license.installationId,
    generation: license.generation,
  }
}

/** The license that is installed, where it is genuine; what it would be replaced by is compared with it. */
async function inForce(config: Config): Promise<License | null> {
  try {
    const context = await authenticationContext(config, { anyMachine: true })
    return (await authenticateLicense(readFileSync(config.license.file), context)).license ?? null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** What can be told without a daemon is told; one that may not be asked is a fault. */
async function statusOrNull(socket: string): Promise<Status | null> {
  try {
    return await askDaemon(socket, client => client.status())
  } catch (error) {
    if (error instanceof Fault && error.code === 'daemon-not-running') return null
    throw error
  }
}
