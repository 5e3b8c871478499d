import { type Outcome, troubleOf } from '../../daemon/reactivation/exchange.ts'
import type { License } from '../../license/document.ts'
import { sayValidity } from '../../license/lifecycle.ts'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import { reportFault, type Terminal } from '../terminal.ts'
import type { InstallOutcome } from './install-license.ts'

/** How a command ends by what the licensing server said. */
const exitCodes: Record<Outcome['kind'], ExitCode> = {
  refreshed: exitCode.ok,
  deactivated: exitCode.ok,
  refused: exitCode.negative,
  unreachable: exitCode.temporary,
  failed: exitCode.fault,
}

/** The license that was in force; of one that could not be believed any more, whose it was. */
export type Before = Pick<License, 'installationId'> & Partial<Pick<License, 'maxSessions'>>

/** Tells what an activation or reactivation came to. */
export function tellOutcome(
  outcome: Outcome,
  before: Before | null,
  file: string,
  json: boolean,
  terminal: Terminal,
): ExitCode {
  // One that is no fault of ours tells itself, with its stack where it is a bug.
  if (outcome.kind === 'failed') {
    reportFault(terminal, outcome.cause, json)
    return exitCodes.failed
  }
  if (json) terminal.printJson(outcomeJson(outcome, file))
  for (const line of outcomeLines(outcome, before, file)) terminal.say(line)
  return exitCodes[outcome.kind]
}

function outcomeJson(outcome: Exclude<Outcome, { kind: 'failed' }>, file: string): object {
  const { code, message, hint } = troubleOf(outcome)
  const base = { outcome: outcome.kind, code, message, hint }
  if (outcome.kind === 'refused') {
    const { representative, pool = null } = outcome.refusal
    return { ...base, representative, pool }
  }
  if (outcome.kind === 'unreachable') return { ...base, retryAfterMs: outcome.retryAfterMs }
  return { ...base, file, license: outcome.license }
}

function outcomeLines(
  outcome: Exclude<Outcome, { kind: 'failed' }>,
  before: Before | null,
  file: string,
): string[] {
  switch (outcome.kind) {
    case 'refreshed':
      return [`${grantLine(outcome.license, before)}`, `The license is in ${file}.`]
    case 'deactivated':
      return [
        `Installation ${outcome.license.installationId} is deactivated: its claim goes to another machine.`,
        'No new session is granted here. The licensing server has the confirmation of this machine.',
      ]
    case 'refused':
      return [
        `Refused: ${outcome.refusal.message} (${outcome.refusal.code})`,
        `hint: ${outcome.refusal.hint}`,
      ]
    case 'unreachable':
      return [
        `Not answered: ${outcome.message} (${outcome.code})`,
        ...(outcome.hint ? [`hint: ${outcome.hint}`] : []),
      ]
  }
}

function grantLine(license: License, before: Before | null): string {
  const verb = before?.installationId === license.installationId ? 'Refreshed' : 'Activated'
  const raised =
    verb === 'Refreshed' && before?.maxSessions !== undefined && before.maxSessions !== license.maxSessions
      ? ` (${before.maxSessions} before)`
      : ''
  const what = license.product === 'studio' ? 'one seat' : `${sessionsText(license.maxSessions)}${raised}`
  return `${verb}: ${what} for ${license.customer.name}, ${sayValidity(license)}; generation ${license.generation}.`
}

function sessionsText(number: number): string {
  return number === 1 ? '1 session' : `${number} sessions`
}

/** Whether the daemon has taken the license that was written for it. */
export function followedLine(outcome: InstallOutcome): string {
  switch (outcome.outcome) {
    case 'in-force':
      return `In force: ${sessionsText(outcome.limit)}. ${outcome.message}`
    case 'not-running':
      return 'sessiond is not running; it takes the license when it starts.'
    case 'not-seen':
      return 'warning: sessiond has not taken it yet. Does it use another configuration? Ask it: sessionctl license show'
    case 'rejected':
    case 'refused':
      return `warning: sessiond does not take it: ${outcome.problem.message} (${outcome.problem.code})`
  }
}
