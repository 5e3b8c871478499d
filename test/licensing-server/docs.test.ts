import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventOf, type LedgerEventType } from '../../src/licensing-server/ledger/events.ts'
import { readInstallationKey } from '../../src/licensing-server/ledger/installation-key.ts'
import { refusals } from '../../src/licensing-server/ledger/refusals.ts'
import {
  emptyInstallationBook,
  enterInstallationEvent,
} from '../../src/licensing-server/ledger/replay-installation.ts'
import { emptyPoolBook, enterPoolEvent } from '../../src/licensing-server/ledger/replay-pool.ts'
import { invoke } from '../cli/invoke.ts'
import { act } from './ledger/setting.ts'

const read = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')
const server = read('licensing-server.md')
const ledger = read('ledger.md')

t.test('refusals that the documents name are refusals', async t => {
  const named = [...`${server}${ledger}`.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code]) => code!)
  const others = ['clone-suspected', 'machine-id', 'ledger-schema-newer', 'add-seats', 'renew-issuing']
  const events = [...ledger.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code]) => code!)
  for (const code of named) {
    if (others.includes(code) || events.includes(code)) continue
    t.ok(code in refusals, code)
  }
})

t.test('every event stands in the row of its stream', async t => {
  const rows = new Map(
    [...ledger.matchAll(/^\| `(vendor|pool\/ID|installation\/ID)` \| (.*) \|$/gm)].map(([, stream, list]) => [
      stream!,
      [...list!.matchAll(/`([a-z-]+)`/g)].map(([, type]) => type as LedgerEventType),
    ]),
  )
  t.equal(rows.size, 3)
  const belongs = (stream: string, type: LedgerEventType) => {
    const event = eventOf(stream, act, type, {} as never)
    const flaw =
      stream === 'pool/ID'
        ? enterPoolEvent(emptyPoolBook(), event)
        : enterInstallationEvent(emptyInstallationBook(), event)
    return flaw === null || !flaw.includes('does not belong')
  }
  for (const stream of ['pool/ID', 'installation/ID']) {
    for (const [of, types] of rows) {
      for (const type of types) t.equal(belongs(stream, type), stream === of, `${type} in ${stream}`)
    }
  }
})

t.test('the commands of the documents are commands', async t => {
  const commands = new Set(
    [...`${server}${ledger}`.matchAll(/licensing-server ((?:[a-z][a-z-]* ?){1,2})/g)].map(([, words]) =>
      words!.trim(),
    ),
  )
  t.ok(commands.size > 12)
  for (const command of commands) {
    // A wrong option keeps the command from being carried out; what is said then tells whether it is one.
    const { code, stderr } = await invoke('licensing-server', [...command.split(' '), '--no-such-option'])
    t.equal(code, 2, command)
    t.notMatch(stderr, /no such command/, command)
    t.notMatch(stderr, new RegExp(`Unknown arguments:.*\\b${command.split(' ').at(-1)}\\b`), command)
  }
})

t.test('the first steps work as they stand there', async t => {
  const folder = t.testdir({})
  const script = /## Begin\n\n```\n([\s\S]*?)```/.exec(server)![1]!
  const lines = script.replaceAll('\\\n', ' ').trim().split('\n')
  const run = async (line: string) => {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
    const own = words[1] === 'init' ? [] : ['--ledger.location', join(folder, 'ledger.sqlite')]
    const args = words.slice(1).map(word => word.replace('/var/lib/licensing-server', folder))
    return invoke('licensing-server', [...args, ...own], { cwd: folder })
  }
  t.equal(lines.at(-1), 'licensing-server run')
  let key = ''
  for (const line of lines.slice(0, -1)) {
    const { code, stdout, stderr } = await run(line)
    t.equal(code, 0, `${line}: ${stderr}`)
    key = stdout.trim()
  }
  t.equal(readInstallationKey(key).ok, true)
})
