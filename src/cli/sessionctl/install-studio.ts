import type { Config } from '../../daemon/config/schema.ts'
import type { Licensed } from '../../daemon/license/license-keeper.ts'
import { sayValidity } from '../../license/lifecycle.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'
import { withOwnLicense } from './own-license.ts'

/** Puts a license of Studio that came by hand in its place, if it is good. No daemon looks after it. */
export function installStudio(
  text: string,
  licensed: Licensed,
  config: Config,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  return withOwnLicense(config, licensed, terminal, async ({ keeper }) => {
    const offered = await keeper.offer(text, keeper.license)
    if (offered.outcome === 'accepted' || offered.outcome === 'known') {
      const { license } = offered
      const what = license.deactivated
        ? 'it grants nothing, the seat was moved'
        : `one seat for ${license.customer.name}, ${sayValidity(license)}`
      if (json) terminal.printJson({ outcome: 'in-force', file: licensed.file, license })
      terminal.say(`Installed in ${licensed.file}: ${what}.`)
      return exitCode.ok
    }
    if (offered.outcome === 'overtaken')
      throw new TypeError('A license by hand is based on what is in force.')
    const { code, message, hint } = offered.rejection
    if (json) terminal.printJson({ outcome: 'refused', problem: { code, message, hint } })
    terminal.say(`Not installed: ${message} (${code})`)
    if (hint !== null) terminal.say(`hint: ${hint}`)
    return exitCode.negative
  })
}
