import type { Config } from '../../daemon/config/schema.ts'
import type { Terminal } from '../terminal.ts'
import type { InstallOutcome } from './install-license.ts'
import { recordOwn } from './read-state.ts'

/** Records who installed a license file; that it came into force is recorded by whoever took it. */
export function recordInstalled(outcome: InstallOutcome, config: Config, terminal: Terminal): void {
  const { outcome: became } = outcome
  const detail =
    outcome.outcome === 'refused'
      ? { outcome: became, code: outcome.problem.code }
      : { outcome: became, file: outcome.file }
  recordOwn(config, terminal, { what: 'license.installed', detail })
}
