import { Fault, messageOf } from '../../errors.ts'
import { readEvent } from '../../licensing-server/ledger/chain.ts'
import {
  type Anchor,
  anchorLedger,
  type VerifyProgress,
  verifyLedger,
} from '../../licensing-server/verify-ledger.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile, writeFileAtomically } from '../files.ts'
import { commandGroup } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { eventsOf, eventsOption, ledgerCommand, tell } from './ledger-command.ts'
import { eventLines } from './ledger-view.ts'

const verify = ledgerCommand({
  command: 'verify',
  describe: 'Prove that the events are an unbroken chain and that every row is what they add up to',
  builder: argv =>
    argv.option('anchor', {
      type: 'string',
      requiresArg: true,
      describe: 'A file of `ledger anchor`: what it knew must still be so',
    }),
  async run(desk, args) {
    const anchor = args.anchor === undefined ? undefined : readAnchor(desk.terminal.resolve(args.anchor))
    const verdict = await verifyLedger(desk.store, anchor, progressOn(desk.terminal)).finally(() =>
      desk.terminal.progress(null),
    )
    const { ok, streams, events, digest, flaws } = verdict
    tell(desk, args, verdict, [
      `${ok ? 'The ledger is whole' : 'The ledger is NOT whole'}: ${events} events in ${streams} streams, digest ${digest}`,
      ...flaws.map(({ stream, what }) => `${stream}: ${what}`),
    ])
    return ok ? exitCode.ok : exitCode.negative
  },
})

const progressEveryMs = 200

/** Tells a few times a second how far it has come. */
export function progressOn(terminal: Pick<Terminal, 'progress'>): (progress: VerifyProgress) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  return progress => {
    const now = performance.now()
    if (now - toldAt < progressEveryMs) return
    toldAt = now
    terminal.progress(sayProgress(progress))
  }
}

/** Installations are nearly all there is, and come in the order of their ids, which are random: so is their share. */
function sayProgress({ events, streams, stream }: VerifyProgress): string {
  const [, digits] = /^installation\/([0-9a-f]{4})/.exec(stream) ?? []
  const share =
    digits === undefined ? '' : `, about ${Math.floor((Number.parseInt(digits, 16) / 65_536) * 100)} %`
  return `${events.toLocaleString('en')} events in ${streams.toLocaleString('en')} streams${share} …`
}

function readAnchor(file: string): Anchor {
  try {
    const anchor = JSON.parse(Buffer.from(readOperatorFile(file)).toString('utf8')) as Anchor
    if (Array.isArray(anchor.streams)) return anchor
    throw new SyntaxError('it has no streams')
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('anchor-unreadable', `${file} is no anchor: ${messageOf(error)}.`, {
      hint: 'Name a file that `licensing-server ledger anchor` wrote.',
    })
  }
}

const anchor = ledgerCommand({
  command: 'anchor <file>',
  describe: 'Write where the chains of claims stand now; keep the file where the database is not',
  builder: argv => argv.positional('file', { type: 'string', demandOption: true, describe: 'A new file' }),
  async run(desk, args) {
    const anchored = await anchorLedger(desk.store, Date.now())
    const file = desk.terminal.resolve(args.file)
    writeFileAtomically(file, `${JSON.stringify(anchored)}\n`, { mode: 0o644, isNew: true })
    return tell(desk, args, { file, at: anchored.at, streams: anchored.streams.length }, [
      `${anchored.streams.length} streams as of ${anchored.at}: ${file}`,
    ])
  },
})

const history = ledgerCommand({
  command: 'history <stream>',
  describe: 'Show the latest events of a stream: vendor, pool/ID or installation/ID',
  builder: argv =>
    argv
      .positional('stream', {
        type: 'string',
        demandOption: true,
        describe: 'vendor, pool/ID, installation/ID',
      })
      .option('events', eventsOption(50)),
  async run(desk, args) {
    const rows = await desk.store.latestEvents(args.stream, eventsOf(args))
    if (rows.length === 0) {
      throw new Fault('stream-unknown', `The ledger has no stream ${args.stream}.`, {
        hint: 'Write vendor, pool/ID or installation/ID; `licensing-server pool list` and `installation list` show the ids.',
      })
    }
    const events = rows.map(readEvent)
    return tell(desk, args, events, eventLines(events))
  },
})

export const ledger = commandGroup('ledger', 'The ledger as a whole', [verify, anchor, history])
