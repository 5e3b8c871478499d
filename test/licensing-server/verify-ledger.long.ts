import { anchorLedger, verifyLedger } from '../../src/licensing-server/verify-ledger.ts'
import { type EmptyLedger, onEachStore } from './each-store.ts'
import { Machine, Vendor } from './vendor.ts'

/** A ledger with a bit of everything in it. */
async function busyLedger(ledger: EmptyLedger): Promise<Vendor> {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100, { poolId: 'first' })
  const { key: seatKey } = await vendor.pool(3, { poolId: 'second', product: 'studio' })
  const machines = [new Machine(), new Machine(), new Machine()]
  for (const machine of machines) await machine.activate(vendor, key, 10)
  await machines[0]!.reactivate(vendor, 20)
  const { text } = await vendor.admin.startTransfer(machines[1]!.license!.installationId)
  await machines[1]!.reactivate(vendor)
  await machines[1]!.confirm(vendor)
  await new Machine().activate(vendor, text)
  await vendor.admin.forceTransfer(machines[2]!.license!.installationId, 'Burnt.')
  const studio = new Machine()
  studio.product = 'studio'
  await studio.activate(vendor, seatKey)
  return vendor
}

/** Lifts what keeps events as they are, as somebody who owns the database can. */
async function disarm(ledger: EmptyLedger): Promise<void> {
  if (ledger.kind === 'PostgreSQL') return ledger.tamper('drop trigger event_append_only on event')
  await ledger.tamper('drop trigger event_no_update')
  await ledger.tamper('drop trigger event_no_delete')
}

onEachStore('`licensing-server ledger verify` proves the chain', async (t, ledger) => {
  const vendor = await busyLedger(ledger)
  const verdict = await verifyLedger(vendor.store)
  t.match(verdict, { ok: true, flaws: [], streams: 8, digest: /^[0-9a-f]{64}$/ })
  t.equal((await verifyLedger(vendor.store)).digest, verdict.digest)
  await vendor.admin.addUnits('first', 1)
  t.not((await verifyLedger(vendor.store)).digest, verdict.digest)
})

onEachStore('rows that were changed beside the program are found', async (t, ledger) => {
  const { store } = await busyLedger(ledger)
  const [installation] = await store.installations({ poolId: 'first', state: 'active' })
  const { installationId, units } = installation!
  const tampered: [statement: string, undo: string, flaw: RegExp][] = [
    [
      `update installation set units = ${units + 5} where installation_id = '${installationId}'`,
      `update installation set units = ${units} where installation_id = '${installationId}'`,
      new RegExp(
        `sessions of installation ${installationId}: the row says ${units + 5}, the events say ${units}`,
      ),
    ],
    [
      `update pool set claimed = claimed - 1 where pool_id = 'first'`,
      `update pool set claimed = claimed + 1 where pool_id = 'first'`,
      /claimed sessions: the row says \d+, the events say \d+/,
    ],
    [
      `update pool set total = 1000 where pool_id = 'first'`,
      `update pool set total = 100 where pool_id = 'first'`,
      /total sessions: the row says 1000, the events say 100/,
    ],
    [
      `update installation set standing = 'blocked' where installation_id = '${installationId}'`,
      `update installation set standing = 'good' where installation_id = '${installationId}'`,
      /standing: the row says blocked, the events say good/,
    ],
    [
      `update issue set license_id = 'x' || license_id where installation_id = '${installationId}'`,
      `update issue set license_id = substr(license_id, 2) where installation_id = '${installationId}'`,
      /licenseId: the row says x/,
    ],
  ]
  for (const [statement, undo, flaw] of tampered) {
    await ledger.tamper(statement)
    const { ok, flaws } = await verifyLedger(store)
    t.equal(ok, false, statement)
    t.ok(
      flaws.some(({ what }) => flaw.test(what)),
      JSON.stringify(flaws),
    )
    await ledger.tamper(undo)
    t.equal((await verifyLedger(store)).ok, true, undo)
  }
})

onEachStore('events that were changed or taken away are found', async (t, ledger) => {
  const { store } = await busyLedger(ledger)
  await disarm(ledger)
  await ledger.tamper(
    `update event set body = replace(body, '"units":10', '"units":1') where stream = 'pool/first'`,
  )
  t.match(await verifyLedger(store), {
    ok: false,
    flaws: [{ stream: 'pool/first', what: 'event 3 was changed, or an event before it was' }],
  })
  await ledger.tamper(`delete from event where stream = 'pool/second' and sequence = 2`)
  const flaws = (await verifyLedger(store)).flaws
  t.match(flaws[1], { stream: 'pool/second', what: 'event 2 is missing: event 3 follows 1' })
})

onEachStore('streams and rows without each other are found', async (t, ledger) => {
  const { store } = await busyLedger(ledger)
  await disarm(ledger)
  await ledger.tamper(`delete from event where stream = 'pool/second'`)
  const [installation] = await store.installations({ poolId: 'first' })
  await ledger.tamper(`delete from event where stream = 'installation/${installation!.installationId}'`)
  t.match((await verifyLedger(store)).flaws, [
    { stream: 'pool/second', what: 'the pool has no events' },
    { stream: 'installation', what: '5 rows, 4 streams of events' },
  ])
})

onEachStore('what is cut off at the end is found by an anchor that was kept elsewhere', async (t, ledger) => {
  const vendor = await busyLedger(ledger)
  const { store } = vendor
  await vendor.admin.addUnits('first', 5)
  const anchor = await anchorLedger(store, vendor.now)
  t.match(anchor, {
    at: '2026-11-24T12:00:00.000Z',
    streams: [{ stream: 'vendor', sequence: 3 }, { stream: 'pool/first' }, { stream: 'pool/second' }],
  })
  t.match(await verifyLedger(store, anchor), { ok: true, flaws: [] })
  await vendor.admin.addUnits('second', 5)
  t.match(await verifyLedger(store, anchor), { ok: true, flaws: [] }, 'what came later is no matter')

  await disarm(ledger)
  const last = anchor.streams[1]!
  await ledger.tamper(`delete from event where stream = 'pool/first' and sequence = ${last.sequence}`)
  await ledger.tamper(`update pool set total = 100 where pool_id = 'first'`)
  t.match(await verifyLedger(store), { ok: true }, 'without it, everything adds up')
  t.match(await verifyLedger(store, anchor), {
    ok: false,
    flaws: [{ stream: 'pool/first', what: 'what the anchor knew of it is missing' }],
  })
  await vendor.admin.createKey('first', 'another')
  t.match(await verifyLedger(store, anchor), {
    flaws: [{ stream: 'pool/first', what: `event ${last.sequence} is not the one of the anchor` }],
  })
})
