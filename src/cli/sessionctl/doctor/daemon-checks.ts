import { dayMs } from '../../../license/instant.ts'
import type { ResultOf } from '../../../protocol/schemas.ts'
import { programVersion } from '../../version.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

type Status = ResultOf<'status.get'>
type License = ResultOf<'license.get'>

const WARN_DAYS = 30

/** What a daemon that answers tells of itself. */
export function daemonFindings(status: Status, license: License, now: number): Finding[] {
  return [
    versionFinding(status),
    journalFinding(status),
    stateFinding(status),
    ...licenseFindings(license, now),
    useFinding(status),
  ]
}

function versionFinding({ version }: Status): Finding {
  const own = programVersion()
  if (version === own) return ok('version', `Program and daemon are ${own}.`)
  const message = `The daemon that runs is ${version}, the program that is installed ${own}.`
  return warning('version', message, 'sudo systemctl restart sessiond (sessions survive it)')
}

function journalFinding({ journal }: Status): Finding {
  if (journal === 'ok') return ok('journal', 'Sessions are journalled.')
  const message =
    'The journal cannot be written: sessions are counted in memory, and a crash would lose them.'
  return failed(
    'journal',
    message,
    'Make room in runtimeDirectory: df -h /run; why: journalctl -u sessiond -p err',
  )
}

function stateFinding({ stateDatabase }: Status): Finding {
  // Not told by a daemon of before that is still to be restarted.
  if (stateDatabase !== 'degraded') return ok('state-database', 'What must outlast a reboot is written.')
  return failed(
    'state-database',
    'The state database cannot be written: calls go on by the license that was in force last, a new one is not taken.',
    'Make room in stateDirectory: df -h /var/lib/sessiond; why: journalctl -u sessiond -p err',
  )
}

function licenseFindings(license: License, now: number): Finding[] {
  const { admits, state, message, hint, rejected } = license
  const findings = [
    admits ? timeLeftFinding(license, now) : failed('license', message, hint ?? 'sessionctl license show'),
  ]
  if (admits && state === 'reactivation-overdue') {
    findings.push(warning('reactivation', message, 'sessionctl reactivate'))
  }
  if (rejected !== null) {
    const mend = rejected.hint ?? 'sessionctl license check FILE'
    findings.push(warning('license-file', `The newest license file was not taken: ${rejected.message}`, mend))
  }
  return findings
}

function timeLeftFinding({ message, expiresAt }: License, now: number): Finding {
  if (expiresAt === null) return ok('license', message)
  const days = Math.floor((Date.parse(expiresAt) - now) / dayMs)
  return days >= WARN_DAYS
    ? ok('license', message)
    : warning('license', message, 'sessionctl reactivate, or ask the vendor')
}

function useFinding({ usage, inUse, limit }: Status): Finding {
  const text = `${inUse} of ${limit} sessions are in use.`
  if (usage === 'safe') return ok('usage', text)
  return warning(
    'usage',
    usage === 'full' && inUse < limit ? `${text} A moment ago all were.` : `${text} That is ${usage}.`,
    'sessionctl sessions list --longer-than 4h; more: sessionctl reactivate --sessions N',
  )
}
