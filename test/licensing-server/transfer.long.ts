import type { Answer } from '../../src/licensing-server/service.ts'
import { verifyLedger } from '../../src/licensing-server/verify-ledger.ts'
import { onEachStore } from './each-store.ts'
import { codeOf, Machine, Vendor } from './vendor.ts'

const unitsOf = (answer: Answer) => (answer.kind === 'license' ? answer.units : answer)

onEachStore(
  "the old machine's next reactivation receives a license that grants nothing and returns its signed confirmation; then the claim can be activated on the new machine",
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(100)
    const old = new Machine()
    await old.activate(vendor, key, 60)
    const { installationId } = old.license!
    const { transfer, text: transferKey } = await vendor.admin.startTransfer(installationId)
    t.match(transfer, { state: 'leaving', units: 0, fromInstallationId: installationId })

    const successor = new Machine()
    t.match(await successor.activate(vendor, transferKey), {
      refusal: {
        code: 'transfer-unconfirmed',
        hint: /^Run `sessionctl reactivate` on the old machine\. If it is dead, tell .*Ada Lovelace/,
      },
    })
    t.match(
      await old.reactivate(vendor, 70),
      { deactivated: true, units: 0, generation: 2 },
      'no raise either',
    )
    t.match(old.license, { deactivated: true, maxSessions: 0, installationId })
    t.equal(
      codeOf(await successor.activate(vendor, transferKey)),
      'transfer-unconfirmed',
      'not yet confirmed',
    )

    t.match(await old.confirm(vendor), { kind: 'confirmed', installationId, repeated: false })
    t.match(await old.confirm(vendor), { kind: 'confirmed', repeated: true })
    t.match(await vendor.store.transfer(transfer.transferId), { state: 'waiting', units: 60 })
    t.equal(await vendor.claimed(poolId), 60, 'the claim waits; it did not return to the pool')

    t.equal(codeOf(await successor.activate(vendor, transferKey, 59)), 'lowering-refused')
    t.equal(unitsOf(await successor.activate(vendor, transferKey)), 60)
    t.not(successor.license?.installationId, installationId)
    t.equal(await vendor.claimed(poolId), 60)
    t.equal(codeOf(await successor.activate(vendor, transferKey)), 'license', 'the same machine again')
    t.equal(codeOf(await new Machine().activate(vendor, transferKey)), 'transfer-key-used')

    t.match(await old.reactivate(vendor), { deactivated: true }, 'the old machine is told again')
    t.match((await verifyLedger(vendor.store)).flaws, [])
  },
)

onEachStore('the confirmation returns by file, through the page, as well', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100)
  const old = new Machine()
  await old.activate(vendor, key, 60)
  await vendor.admin.startTransfer(old.license!.installationId)
  await old.install(await vendor.service.submit(await old.request()))
  const confirmation = await old.request({ deactivationOf: old.license!.licenseId })
  t.match(await vendor.service.submit(`${confirmation}\n`), { kind: 'confirmed' })
  const situation = await vendor.store.situation(old.license!.installationId)
  t.equal(situation?.transfer?.confirmation, confirmation, 'kept as evidence')
})

onEachStore(
  'Dead machine: `transfer force --declaration "…"`, recorded. An old machine that comes back alive is told that it is deactivated.',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(100)
    const dead = new Machine()
    await dead.activate(vendor, key, 60)
    const { installationId } = dead.license!
    await t.rejects(vendor.admin.forceTransfer(installationId, '  '), { code: 'declaration-invalid' })
    const declaration = 'Burnt on 2026-11-20, declared by Mr Bell of Acme'
    const { text } = await vendor.admin.forceTransfer(installationId, declaration)
    t.match(await vendor.store.situation(installationId), {
      installation: { state: 'deactivated', units: 0 },
      transfer: { declaration, state: 'waiting', units: 60 },
    })
    const events = await vendor.store.latestEvents(`pool/${poolId}`, 1)
    t.match(JSON.parse(events[0]!.body), { by: 'ada', type: 'transfer-released', data: { declaration } })

    const successor = new Machine()
    t.equal(unitsOf(await successor.activate(vendor, text!, 80)), 80, 'moved, and raised by the difference')
    t.equal(await vendor.claimed(poolId), 80)

    t.match(await dead.reactivate(vendor), { deactivated: true, units: 0 })
    t.match(await dead.confirm(vendor), { kind: 'confirmed', repeated: false }, 'kept as evidence')
    t.equal(unitsOf(await dead.activate(vendor, key, 20)), 20, 'it may claim anew, as any machine')
    t.equal(await vendor.claimed(poolId), 100)
    t.match((await verifyLedger(vendor.store)).flaws, [])
  },
)

onEachStore('a transfer that was started is forced with the key that it has', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 60)
  const { installationId } = machine.license!
  const started = await vendor.admin.startTransfer(installationId)
  await t.rejects(vendor.admin.startTransfer(installationId), { code: 'installation-not-active' })
  const forced = await vendor.admin.forceTransfer(installationId, 'It died meanwhile.')
  t.equal(forced.text, null)
  t.equal(forced.transfer.transferId, started.transfer.transferId)
  await t.rejects(vendor.admin.forceTransfer(installationId, 'Again.'), { code: 'installation-not-active' })
  t.equal(unitsOf(await new Machine().activate(vendor, started.text)), 60)
})

onEachStore('a transfer is called off as long as the old machine has not confirmed', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 60)
  const { transfer, text } = await vendor.admin.startTransfer(machine.license!.installationId)
  await machine.reactivate(vendor)
  t.equal(machine.license?.deactivated, true)
  t.equal((await vendor.admin.cancelTransfer(transfer.transferId)).state, 'cancelled')
  t.equal(codeOf(await machine.confirm(vendor)), 'deactivation-not-asked')
  t.equal(unitsOf(await machine.reactivate(vendor)), 60, 'its next license is an ordinary one')
  t.equal(codeOf(await new Machine().activate(vendor, text)), 'installation-key-revoked')
  await t.rejects(vendor.admin.cancelTransfer(transfer.transferId), { code: 'transfer-not-cancellable' })
  const again = await vendor.admin.startTransfer(machine.license!.installationId)
  await machine.reactivate(vendor)
  await machine.confirm(vendor)
  await t.rejects(vendor.admin.cancelTransfer(again.transfer.transferId), {
    code: 'transfer-not-cancellable',
    hint: /on the old machine too/,
  })
  t.equal(unitsOf(await machine.activate(vendor, again.text)), 60, 'back on the old machine, with the key')
  t.match((await verifyLedger(vendor.store)).flaws, [])
})

onEachStore(
  'a claim that moves to a machine with a claim is added to it; a second seat is not',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    for (const product of ['call-services', 'studio'] as const) {
      const { poolId, key } = await vendor.pool(100, { product })
      const [from, to] = [new Machine(), new Machine()]
      from.product = to.product = product
      await from.activate(vendor, key, product === 'studio' ? 1 : 50)
      await to.activate(vendor, key, product === 'studio' ? 1 : 40)
      const { text } = await vendor.admin.forceTransfer(from.license!.installationId, 'Sold for scrap.')
      const answer = await to.activate(vendor, text!)
      if (product === 'studio') t.equal(codeOf(answer), 'one-seat-a-machine')
      else t.match([answer, to.license], [{ units: 90 }, { maxSessions: 90, generation: 2 }])
      t.equal(await vendor.claimed(poolId), product === 'studio' ? 2 : 90)
    }
    t.match((await verifyLedger(vendor.store)).flaws, [])
  },
)

onEachStore('only the machine itself confirms', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 60)
  t.equal(codeOf(await machine.confirm(vendor)), 'deactivation-not-asked')
  await vendor.admin.startTransfer(machine.license!.installationId)
  await machine.reactivate(vendor)
  const stranger = new Machine(machine.facts)
  stranger.license = machine.license
  t.equal(codeOf(await stranger.confirm(vendor)), 'other-machine-key')
  const elsewhere = machine.clone()
  elsewhere.facts = new Machine().facts
  t.equal(codeOf(await elsewhere.confirm(vendor)), 'other-machine')
  t.equal(codeOf(await machine.confirm(vendor)), 'confirmed')
})
