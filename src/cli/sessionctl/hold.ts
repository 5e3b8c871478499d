import { setTimeout as delay } from 'node:timers/promises'
import { SessionClient } from '../../client/index.ts'
import { Fault, messageOf } from '../../errors.ts'
import { counted } from '../counted.ts'
import { exitCode } from '../exit-codes.ts'
import { interruption } from '../interruption.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { findSocket, withDaemonFlags } from './find-daemon.ts'
import { knock } from './reach-daemon.ts'

const MAX_SESSIONS = 100_000
const MAX_SECONDS = 1_000_000

/** How long a busy daemon may take to answer, and to be told of the releases. */
const PATIENCE_MS = 10_000

export const hold = defineCommand({
  command: 'hold <sessions>',
  describe: 'Hold sessions until interrupted, and show which are granted and which refused',
  builder: argv =>
    withDaemonFlags(argv)
      .positional('sessions', {
        type: 'number',
        demandOption: true,
        describe: 'How many sessions to ask for',
      })
      .option('application', {
        alias: 'a',
        type: 'string',
        requiresArg: true,
        describe: 'Application under which they are counted',
      })
      .option('for', {
        type: 'number',
        requiresArg: true,
        describe: 'Seconds to hold them; else until Ctrl-C',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print a JSON line for each session' }),
  async run(args, terminal) {
    checkRange('number of sessions', args.sessions, 1, MAX_SESSIONS, true)
    if (args.for !== undefined) checkRange('time in seconds', args.for, 0, MAX_SECONDS, false)
    const socketPath = findSocket(args, terminal)
    await knock(socketPath)
    const { signal } = interruption()
    const application = args.application === undefined ? {} : { application: args.application }
    const client = new SessionClient({
      socketPath,
      clientId: `sessionctl-hold-${process.pid}`,
      maxPending: MAX_SESSIONS,
      acquireTimeoutMs: PATIENCE_MS,
      closeTimeoutMs: PATIENCE_MS,
      ...application,
    })
    sayEvents(client, terminal)
    try {
      const refused = await acquireAll(client, args.sessions, args.json, terminal)
      const granted = args.sessions - refused
      terminal.say(`${granted} granted, ${refused} refused.`)
      if (granted > 0) await holdOn(args.for, granted, signal, terminal)
      return refused === 0 ? exitCode.ok : exitCode.negative
    } finally {
      client.removeAllListeners()
      await client.close()
    }
  },
})

function checkRange(what: string, value: number, least: number, most: number, isWhole: boolean): void {
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return
  const message = `The ${what} must be ${isWhole ? 'a whole number ' : ''}from ${least} to ${most}.`
  throw new Fault('usage', message, { hint: 'See: sessionctl hold --help' })
}

/** Asks for all sessions at once and tells each answer in order; returns how many were refused. */
async function acquireAll(
  client: SessionClient,
  count: number,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const keys = Array.from({ length: count }, (_, index) => `hold-${process.pid}-${index + 1}`)
  const answers = keys.map(key => client.acquire({ key }))
  // Awaited in order below; an early fault must not end the process before that.
  await Promise.allSettled(answers)
  let refused = 0
  const reasons = new Map<string, string>()
  for (const [index, answer] of answers.entries()) {
    const outcome = await answer
    const key = keys[index]
    if (!outcome.granted) {
      refused++
      reasons.set(outcome.reason, outcome.message)
    }
    if (json) {
      const reason = outcome.granted ? null : outcome.reason
      terminal.print(JSON.stringify({ key, granted: outcome.granted, reason }))
    } else if (outcome.granted) terminal.print(`${key}  ${terminal.style('green', 'granted')}`)
    else terminal.print(`${key}  ${terminal.style('red', `refused: ${outcome.reason}`)}`)
  }
  for (const [reason, message] of reasons) terminal.say(`${reason}: ${message}`)
  return refused
}

async function holdOn(
  seconds: number | undefined,
  granted: number,
  signal: AbortSignal,
  terminal: Terminal,
): Promise<void> {
  terminal.say(
    `Holding ${counted(granted, 'session')} ${seconds === undefined ? 'until Ctrl-C' : `for ${seconds} s`}.`,
  )
  // Without a time: as long as a timer can be.
  const milliseconds = seconds === undefined ? 2 ** 31 - 1 : seconds * 1000
  await delay(milliseconds, undefined, { signal }).catch(() => {})
}

/** What happens while sessions are held. */
function sayEvents(client: SessionClient, terminal: Terminal): void {
  let connections = 0
  client.on('connected', ({ resumed }) => {
    connections++
    if (connections > 1) terminal.say(`Connected again; ${counted(resumed, 'session')} resumed.`)
  })
  client.on('disconnected', ({ fault }) => terminal.say(`Connection lost: ${messageOf(fault)}`))
  client.on('sessionEnded', ({ session, cause }) =>
    terminal.say(`${session.key}  ended by sessiond: ${cause}`),
  )
  client.on('sessionLost', ({ session }) => terminal.say(`${session.key}  lost`))
  client.on('limitChanged', ({ limit, inUse }) => terminal.say(`The limit is ${limit} now; ${inUse} in use.`))
  client.on('licenseChanged', ({ message }) => terminal.say(message))
}
