import t from 'tap'
import {
  type Act,
  eventOf,
  installationStream,
  type LedgerEvent,
  poolStream,
} from '../../../src/licensing-server/ledger/events.ts'
import {
  compareInstallation,
  emptyInstallationBook,
  enterInstallationEvent,
} from '../../../src/licensing-server/ledger/replay-installation.ts'
import {
  comparePool,
  emptyPoolBook,
  enterPoolEvent,
} from '../../../src/licensing-server/ledger/replay-pool.ts'
import { poolTerms } from '../vendor.ts'
import {
  act,
  customer,
  jktOf,
  makeInstallation,
  makeIssue,
  makeKey,
  makePool,
  makeTransfer,
} from './setting.ts'

const stream = poolStream('pool-1')
const at: Act = act
const opened = eventOf(stream, at, 'pool-opened', {
  customerId: 'acme',
  product: 'call-services',
  total: 10,
  terms: poolTerms,
})
const claimed = (installationId: string, units: number) =>
  eventOf(stream, at, 'claimed', { installationId, units, keyId: 'ABC123' })
const released = (installationId: string, units: number) =>
  eventOf(stream, at, 'transfer-released', { transferId: 't', installationId, units, declaration: null })

function lastFlaw(...events: LedgerEvent[]): string | null {
  const book = emptyPoolBook()
  return events.map(event => enterPoolEvent(book, event)).at(-1) ?? null
}

t.test('what a pool cannot have done is a flaw', async t => {
  t.equal(lastFlaw(opened, claimed('i', 11)), '11 are claimed of 10')
  t.equal(lastFlaw(opened, claimed('i', 3), claimed('i', 3)), 'i claims twice')
  const raised = (from: number, to: number) =>
    eventOf(stream, at, 'claim-raised', { installationId: 'i', from, to })
  t.equal(lastFlaw(opened, claimed('i', 3), raised(4, 5)), 'i owned 3, not 4')
  t.equal(lastFlaw(opened, raised(4, 5)), 'i owned 0, not 4')
  t.equal(lastFlaw(opened, claimed('i', 3), raised(3, 2)), 'i is lowered from 3 to 2')
  t.equal(lastFlaw(opened, claimed('i', 3), released('i', 4)), 'i owned 3, not 4')
  t.equal(lastFlaw(opened, released('i', 4)), 'i owned 0, not 4')
  t.equal(
    lastFlaw(opened, eventOf(stream, at, 'units-added', { units: 5, total: 16 })),
    '16 are said to be its total',
  )
  t.equal(
    lastFlaw(opened, eventOf(stream, at, 'leaving', { transferId: 't' })),
    'an event leaving does not belong to a pool',
  )
})

t.test('rows that say something else than the events are flaws', async t => {
  const book = emptyPoolBook()
  const events = [
    opened,
    eventOf(stream, at, 'units-added', { units: 5, total: 15 }),
    eventOf(stream, at, 'terms-changed', { terms: { ...poolTerms, graceDays: 3 } }),
    eventOf(stream, at, 'key-created', { keyId: 'ABC123', label: 'first', transferId: null }),
    eventOf(stream, at, 'key-created', { keyId: 'GONE00', label: 'second', transferId: null }),
    claimed('i', 3),
    claimed('j', 4),
    claimed('k', 1),
    eventOf(stream, at, 'transfer-started', { transferId: 't', installationId: 'j' }),
    eventOf(stream, at, 'transfer-cancelled', { transferId: 't', installationId: 'j' }),
    released('j', 4),
  ]
  for (const event of events) t.equal(enterPoolEvent(book, event), null)
  const rows = {
    pool: makePool({ total: 15, claimed: 8, terms: { ...poolTerms, graceDays: 3 } }),
    installations: [
      makeInstallation({ installationId: 'i', units: 3 }),
      makeInstallation({ installationId: 'j', units: 0 }),
      makeInstallation({ installationId: 'k', units: 1 }),
    ],
    transfers: [
      makeTransfer({ transferId: 't', units: 4, state: 'waiting' }),
      makeTransfer({ transferId: 'never released', units: 0 }),
    ],
    keys: [makeKey(), makeKey({ keyId: 'GONE00' })],
  }
  t.strictSame(comparePool(book, rows), [])
  t.strictSame(
    comparePool(book, {
      pool: { ...rows.pool, total: 16, claimed: 7, terms: poolTerms },
      installations: [
        makeInstallation({ installationId: 'i', units: 4 }),
        makeInstallation({ installationId: 'j', units: 0 }),
        makeInstallation({ installationId: 'made up', units: 1 }),
      ],
      transfers: [],
      keys: [makeKey({ revokedAt: 1 }), makeKey({ keyId: 'MADEUP' })],
    }).map(flaw => (flaw.startsWith('terms') ? 'terms' : flaw)),
    [
      'total sessions: the row says 16, the events say 15',
      'claimed sessions: the row says 7, the events say 8',
      'terms',
      'sessions of installation i: the row says 4, the events say 3',
      'sessions of installation made up: the row says 1, the events say nothing',
      'k: the events tell of it, and there is no row',
      't: the events tell of it, and there is no row',
      'key ABC123 withdrawn: the row says true, the events say false',
      'key MADEUP withdrawn: the row says false, the events say nothing',
      'key GONE00: the events tell of it, and there is no row',
    ],
  )
  enterPoolEvent(book, eventOf(stream, at, 'key-revoked', { keyId: 'ABC123' }))
  t.equal(book.keys.get('ABC123'), true)
})

const own = installationStream('i')
const licensed = (generation: number, licenseId = 'l') =>
  eventOf(own, at, 'licensed', {
    generation,
    licenseId,
    requestId: 'r',
    requestDigest: 'd',
    jkt: jktOf('first'),
    units: 10,
    deactivated: false,
  })

t.test('what an installation cannot have done is a flaw', async t => {
  const flawOf = (...events: LedgerEvent[]) => {
    const book = emptyInstallationBook()
    return events.map(event => enterInstallationEvent(book, event)).at(-1)
  }
  t.equal(flawOf(licensed(1), licensed(3)), null, 'a restored ledger skips some')
  t.equal(flawOf(licensed(2), licensed(2)), 'generation 2 follows 2')
  const stand = eventOf(own, at, 'standing-changed', { from: 'blocked', to: 'cleared', note: '' })
  t.equal(flawOf(licensed(1), stand), 'it was good, not blocked')
  t.equal(
    flawOf(eventOf(own, at, 'deactivated', { transferId: 't', declared: true })),
    'it was active, not leaving',
  )
  t.equal(flawOf(opened), 'an event pool-opened does not belong to an installation')
})

t.test('an installation as its events tell it', async t => {
  const book = emptyInstallationBook()
  const installation = makeInstallation({ generation: 2, state: 'deactivated', standing: 'clone-suspected' })
  const { fingerprint } = installation
  const first = licensed(1)
  if (first.type === 'licensed') Object.assign(first.data, { fingerprint })
  const events = [
    first,
    eventOf(own, at, 'leaving', { transferId: 't' }),
    eventOf(own, at, 'stays', { transferId: 't' }),
    eventOf(own, at, 'leaving', { transferId: 'u' }),
    eventOf(own, at, 'clone-suspected', { reason: 'stale-generation', generation: 1, askedAs: 0, jkt: 'k' }),
    licensed(2, 'l2'),
    eventOf(own, at, 'deactivation-confirmed', { transferId: 'u', licenseId: 'l2', requestId: 'r' }),
    eventOf(own, at, 'deactivated', { transferId: 'u', declared: false }),
  ]
  for (const event of events) t.equal(enterInstallationEvent(book, event), null)
  const issue = makeIssue({ licenseId: 'l2' })
  const situation = { customer, pool: makePool(), installation, issue, transfer: null }
  const end = { sequence: 3, hash: 'of the third event' }
  t.strictSame(compareInstallation(book, situation, end), [])
  t.strictSame(
    compareInstallation(
      book,
      {
        ...situation,
        issue: null,
        installation: { ...installation, state: 'active', standing: 'good', generation: 3, jkt: 'other' },
      },
      { ...end, sequence: 2 },
    ),
    [
      'generation: the row says 3, the events say 2',
      'licenseId: the row says undefined, the events say l2',
      `jkt: the row says other, the events say ${jktOf('first')}`,
      'state: the row says active, the events say deactivated',
      'standing: the row says good, the events say clone-suspected',
      'events: the row knows 3, there are 2',
    ],
  )
})
