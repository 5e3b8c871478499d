import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { type EmptyLedger, onEachStore } from './each-store.ts'
import { codeOf, Machine, Vendor } from './vendor.ts'

async function standingOf(vendor: Vendor, machine: Machine): Promise<string | undefined> {
  return (await vendor.store.situation(machine.license!.installationId))?.installation.standing
}

/** An activated machine that has reactivated once, and the vendor. */
async function activated(ledger: EmptyLedger): Promise<{ vendor: Vendor; machine: Machine; key: string }> {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 10)
  await machine.reactivate(vendor)
  return { vendor, machine, key }
}

onEachStore(
  "two machines with one identity are noticed at the second's reactivation, flagged for the representative, who can clear or block it",
  async (t: Test, ledger) => {
    const { vendor, machine } = await activated(ledger)
    const copy = machine.clone()
    await machine.reactivate(vendor)
    t.equal(await standingOf(vendor, machine), 'good', 'one of them alone shows nothing')
    await copy.reactivate(vendor)
    t.equal(await standingOf(vendor, machine), 'clone-suspected')
    const { installationId } = machine.license!
    t.match(await vendor.store.installations({ standing: 'clone-suspected' }), [{ installationId }])
    const [event] = (await vendor.store.latestEvents(`installation/${installationId}`, 2)).map(row =>
      JSON.parse(row.body),
    )
    t.match(event, {
      type: 'clone-suspected',
      data: { reason: 'stale-generation', generation: 3, askedAs: 2 },
    })

    t.match(
      await machine.reactivate(vendor),
      {
        refusal: {
          code: 'clone-suspected',
          hint: /^Shut one of the copies down, then ask .*Ada Lovelace/,
        },
      },
      'the copy that is behind now proves that there are two, and is refused',
    )
    t.equal(codeOf(await copy.reactivate(vendor)), 'license', 'the one that is not behind is served')

    t.equal((await vendor.admin.clearInstallation(installationId, 'The copy is gone.')).standing, 'cleared')
    t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'cleared: any generation is the one machine')
    t.equal(await standingOf(vendor, machine), 'good')
    t.equal(codeOf(await machine.reactivate(vendor)), 'license')
    await copy.reactivate(vendor)
    t.equal(await standingOf(vendor, machine), 'clone-suspected', 'the copy was not gone')

    await vendor.admin.blockInstallation(installationId, 'They run both.')
    for (const each of [machine, copy]) {
      t.equal(codeOf(await each.reactivate(vendor)), 'installation-blocked')
    }
    await t.rejects(vendor.admin.blockInstallation(installationId, 'Again.'), { code: 'already-blocked' })
    await vendor.admin.clearInstallation(installationId, 'They showed us.')
    t.equal(codeOf(await machine.reactivate(vendor)), 'license')
    await t.rejects(vendor.admin.clearInstallation(installationId, 'Again.'), { code: 'nothing-to-clear' })
  },
)

onEachStore('A restored backup of the same machine is a case of its own', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  const backup = machine.clone()
  for (let day = 0; day < 5; day++) await machine.reactivate(vendor)
  t.equal(codeOf(await backup.reactivate(vendor)), 'license', 'it is served')
  t.equal(await standingOf(vendor, machine), 'clone-suspected', 'and noted')
  for (let day = 0; day < 5; day++) t.equal(codeOf(await backup.reactivate(vendor)), 'license')
  await vendor.admin.clearInstallation(machine.license!.installationId, 'Restored from a backup.')
  t.equal(codeOf(await backup.reactivate(vendor)), 'license')
  t.equal(await standingOf(vendor, machine), 'good')
})

onEachStore('a copy that was made while a reply was under way is noticed as well', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  const request = await machine.request({ requestId: '6a0ee4b5-8b8e-4a5b-9b0e-9d2b7e6d1f01' })
  machine.earlierRequestIds.push('6a0ee4b5-8b8e-4a5b-9b0e-9d2b7e6d1f01')
  const copy = machine.clone()
  await vendor.service.reactivate(request)
  t.equal(codeOf(await machine.reactivate(vendor)), 'license')
  t.equal(await standingOf(vendor, machine), 'good')
  await copy.reactivate(vendor)
  t.equal(await standingOf(vendor, machine), 'clone-suspected')
})

/** A request that is made and not sent; the machine names it until it has another license. */
async function laidAside(machine: Machine, sessions?: number): Promise<string> {
  const requestId = randomUUID()
  const request = await machine.request({ requestId, sessions: sessions ?? null })
  machine.earlierRequestIds.push(requestId)
  return request
}

const overtakenId = '6a0ee4b5-8b8e-4a5b-9b0e-9d2b7e6d1f02'

onEachStore('a request that comes after the one that names it is late, and no copy', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  const late = await laidAside(machine, 20)
  await machine.reactivate(vendor)
  const refused = { refusal: { code: 'request-outdated', hint: /sessionctl activate --request-file/ } }
  t.match(await vendor.service.submit(late), refused, 'at once')
  await machine.reactivate(vendor)
  t.match(await vendor.service.submit(late), refused, 'and later')
  t.equal(await standingOf(vendor, machine), 'good')
  t.match(await machine.reactivate(vendor), { generation: 5, units: 10 }, 'the machine goes on')
  t.equal(await standingOf(vendor, machine), 'good')
})

onEachStore(
  'so is one from before the license that the machine had, where it is named as overtaken; a copy gains nothing by naming',
  async (t, ledger) => {
    const { vendor, machine } = await activated(ledger)
    const late = await machine.request({ sessions: 20, requestId: overtakenId })
    await machine.reactivate(vendor)
    await machine.install(
      await vendor.service.reactivate(await machine.request({ overtakenRequestIds: [overtakenId] })),
    )
    await machine.reactivate(vendor)
    t.equal(codeOf(await vendor.service.submit(late)), 'request-outdated')
    t.equal(await standingOf(vendor, machine), 'good')

    const copy = machine.clone()
    const requestId = randomUUID()
    await machine.install(await vendor.service.reactivate(await machine.request({ requestId })))
    await vendor.service.reactivate(await copy.request({ overtakenRequestIds: [requestId] }))
    t.equal(await standingOf(vendor, machine), 'clone-suspected')
  },
)

onEachStore('so is a file made before the first activation, with or without the key', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key, poolId } = await vendor.pool(100)
  const machine = new Machine()
  const named = await laidAside(machine, 20)
  const first = await machine.request({ sessions: 10 })
  await machine.install(await vendor.service.activate(first, { installationKey: key }))
  await machine.reactivate(vendor)
  for (const file of [named, first]) {
    t.equal(codeOf(await vendor.service.submit(file, { installationKey: key })), 'request-outdated')
  }
  t.equal(await vendor.claimed(poolId), 10)
  t.equal(codeOf(await machine.reactivate(vendor)), 'license')
  t.equal(await standingOf(vendor, machine), 'good')
})

onEachStore(
  'a copy that sends such a late request gains nothing and is noticed at its next',
  async (t, ledger) => {
    const { vendor, machine } = await activated(ledger)
    const late = await laidAside(machine, 20)
    const copy = machine.clone()
    await machine.reactivate(vendor)
    t.equal(codeOf(await vendor.service.reactivate(late)), 'request-outdated')
    t.equal(await standingOf(vendor, machine), 'good')
    t.equal(codeOf(await copy.reactivate(vendor)), 'license')
    t.equal(
      await standingOf(vendor, machine),
      'clone-suspected',
      'it names what was overtaken, and not by what',
    )
    t.equal(codeOf(await machine.reactivate(vendor)), 'clone-suspected')
  },
)

onEachStore('a disk that moved to other hardware is refused, and noted', async (t, ledger) => {
  const { vendor, machine, key } = await activated(ledger)
  const moved = machine.clone()
  moved.facts = { ...new Machine().facts, cpuModel: 'Another CPU' }
  t.match(await moved.reactivate(vendor), {
    refusal: { code: 'other-machine', message: /locked to another machine\. This is another machine: / },
  })
  t.equal(await standingOf(vendor, machine), 'clone-suspected')
  t.equal(codeOf(await moved.activate(vendor, key)), 'other-machine', 'the key of the pool moves nothing')
  t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'the machine itself is served')
})

onEachStore('one changed part is no other machine, and then another one may change', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  const { machineId, productUuid, macs } = new Machine().facts
  for (const change of [{ macs }, { productUuid }, { machineId }]) {
    machine.facts = { ...machine.facts, ...change }
    t.equal(codeOf(await machine.reactivate(vendor)), 'license', `${Object.keys(change)}`)
  }
  t.equal(await standingOf(vendor, machine), 'good')
})

onEachStore(
  'a machine that was set up anew takes its installation over with the key; the copy that is left over is noticed',
  async (t, ledger) => {
    const { vendor, machine, key } = await activated(ledger)
    const anew = new Machine(machine.facts)
    t.equal(codeOf(await anew.activate(vendor, key)), 'license')
    t.equal(await standingOf(vendor, machine), 'good')
    t.equal(codeOf(await machine.reactivate(vendor)), 'other-machine-key')
    t.equal(await standingOf(vendor, machine), 'clone-suspected')
    t.equal(codeOf(await new Machine(machine.facts).activate(vendor, key)), 'clone-suspected')
    t.equal(codeOf(await anew.reactivate(vendor)), 'license')
  },
)

onEachStore('a request with a foreign key says nothing about the machine', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  const stranger = new Machine(machine.facts)
  stranger.license = machine.license
  t.equal(codeOf(await stranger.reactivate(vendor)), 'other-machine-key')
  t.equal(await standingOf(vendor, machine), 'good')
})

onEachStore('a ledger that was restored from a backup goes on where the machines are', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  machine.license = { ...machine.license!, generation: 9 }
  t.match(await machine.reactivate(vendor), { generation: 10 })
  t.equal(await standingOf(vendor, machine), 'good')
})

onEachStore('every copy is told that the claim was moved away', async (t, ledger) => {
  const { vendor, machine } = await activated(ledger)
  const copy = machine.clone()
  await vendor.admin.startTransfer(machine.license!.installationId)
  t.match(await machine.reactivate(vendor), { deactivated: true })
  t.match(await copy.reactivate(vendor), { deactivated: true })
  t.equal(await standingOf(vendor, machine), 'clone-suspected')
  t.match(await machine.reactivate(vendor), { deactivated: true })
})
