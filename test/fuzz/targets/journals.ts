import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlockEncoder } from '../../../src/daemon/journal/encoder.ts'
import type { ClientRecord } from '../../../src/session/client-table.ts'
import { hold, newCounter, openJournal } from '../../daemon/journal/bench.ts'
import { recordsOf } from '../../support/earlier-sessions.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'

const sessions = 60
const TURNS = 10

/** Journal files with damage, and those in good order that hold nonsense. */
export const journals: Target = {
  name: 'journals',
  kind: 'documents',
  async open(t) {
    const folder = mkdtempSync(join(tmpdir(), 'sessiond-fuzz-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const good = makeGood(join(folder, 'good.journal'))
    return {
      make: random => (random.chance(70) ? damage(good, random) : nonsense(good, random)),
      judge: async input => judge(join(folder, 'sessions.journal'), input),
    }
  },
}

/** Of many blocks, as many turns would leave it. */
function makeGood(path: string): Buffer {
  const { journal } = openJournal(path)
  const counter = newCounter()
  for (let turn = 0; turn < TURNS; turn++) {
    hold(counter, turn % 2 === 0 ? 'one' : 'two', sessions / TURNS)
    journal.commit(counter)
  }
  journal.close()
  return readFileSync(path)
}

function damage(good: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(good)
  if (random.chance(20)) return mutateBytes(bytes, random)
  for (let rounds = random.between(1, 6); rounds > 0; rounds--) {
    const at = random.chance(40) ? random.below(110) : random.below(bytes.length)
    bytes[at] = random.chance(50) ? bytes[at]! ^ (1 << random.below(8)) : random.below(256)
  }
  return bytes
}

const numbers = [-1, 0, 1, 1.5, 2 ** 24, 2 ** 32 - 1, 2 ** 48, 1e300, Number.NaN] as const
const texts = ['', 'x', 'x'.repeat(3000), 'ü€', '\0'] as const

/** Whole blocks of records that make no sense, behind those that do. */
function nonsense(good: Buffer, random: Random): Buffer {
  const encoder = new BlockEncoder()
  for (let rounds = random.between(1, 6); rounds > 0; rounds--) {
    try {
      putNonsense(encoder, random)
    } catch (error) {
      // Not every number fits its field.
      if (!(error instanceof RangeError)) throw error
      encoder.discard()
    }
  }
  return Buffer.concat([good, encoder.finish()])
}

function putNonsense(encoder: BlockEncoder, random: Random): void {
  const number = (sane: number) => (random.chance(60) ? sane : random.pick(numbers))
  const text = () => random.pick(texts)
  const slot = random.below(sessions)
  const puts = [
    () => encoder.putClient(oddClient(random) as unknown as ClientRecord),
    () => encoder.removeClient(slot % 2),
    () => encoder.removeSession(slot),
    () => encoder.putOrigin({ boot: random.pick(['boot-1', 'another']), instanceId: text(), era: number(0) }),
    () => encoder.putSession(number(slot), number(0), text(), text(), number(1), number(2), number(3)),
  ]
  random.pick(puts)()
}

function oddClient(random: Random) {
  const value = () => random.pick([...numbers, ...texts, null])
  const sane = { index: random.below(2), identity: null, label: 'one', process: null }
  return random.chance(50)
    ? { ...sane, [random.pick(['index', 'identity', 'label', 'process'])]: value() }
    : { ...sane, process: { pid: value(), startTime: value() } }
}

function judge(path: string, input: Buffer): string {
  writeFileSync(path, input)
  const { journal, heard } = openJournal(path)
  try {
    const { content } = journal
    const found = recordsOf(content.sessions)
    const slots = new Set(found.map(({ slot }) => slot))
    ensure(slots.size === found.length, 'A slot came twice.')
    ensure(slots.size <= sessions, `${slots.size} sessions came of ${sessions}.`)
    const counter = newCounter()
    counter.restore(content.clients, content.sessions, 0)
    ensure(counter.inUse <= sessions, 'More are counted than were granted.')
    const restored = counter.inUse
    hold(counter, 'after', 1)
    journal.contentTaken()
    journal.commit(counter)
    for (let times = 0; times < 3; times++) journal.heal(counter)
    ensure(!journal.degraded, `A journal with damage does not heal: ${heard.join('; ')}`)
    journal.close()
    const next = openJournal(path)
    const kept = recordsOf(next.journal.content.sessions).length
    next.journal.close()
    ensure(kept === restored + 1, `${restored + 1} are held, ${kept} would be after a crash.`)
    if (heard.some(line => line.startsWith('set aside'))) return 'set aside'
    return heard.length > 0 ? 'degraded, then healed' : 'read'
  } finally {
    journal.close()
  }
}
