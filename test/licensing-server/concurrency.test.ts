import { pace } from '../../src/licensing-server/store/batching-reader.ts'
import { verifyLedger } from '../../src/licensing-server/verify-ledger.ts'
import { onEachStore } from './each-store.ts'
import { granted, requestsOf } from './many-servers.ts'
import { codeOf, Machine, Vendor } from './vendor.ts'

onEachStore(
  '200 parallel activations against a pool with room for 50 claims of its size grant exactly what fits',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(101)
    const asked = await requestsOf(200, 2, key)
    const answers = await Promise.all(
      asked.map(({ request, installationKey }) => vendor.service.activate(request, { installationKey })),
    )
    t.equal(granted(answers).length, 50)
    t.equal(answers.filter(answer => codeOf(answer) === 'pool-exhausted').length, 150)
    t.equal(await vendor.claimed(poolId), 100)
    t.match(await verifyLedger(vendor.store), { ok: true, flaws: [] })
  },
)

onEachStore('raises and representatives at once: what is claimed is what was granted', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(40)
  const machines = Array.from({ length: 10 }, () => new Machine())
  for (const machine of machines) await machine.activate(vendor, key, 1)
  const acts = machines.flatMap(machine => [machine.reactivate(vendor, 9)])
  const [, ...answers] = await Promise.all([
    Promise.all([
      vendor.admin.addUnits(poolId, 5),
      vendor.admin.addUnits(poolId, 5),
      vendor.admin.changeTerms(poolId, { features: ['recording'] }),
      vendor.admin.createKey(poolId, 'another'),
    ]),
    ...acts,
  ])
  const owned = machines.reduce((sum, machine) => sum + machine.license!.maxSessions, 0)
  t.equal(await vendor.claimed(poolId), owned)
  t.equal((await vendor.store.pool(poolId))?.total, 50)
  t.ok(granted(answers).length >= 3 && owned <= 50, `${granted(answers).length} raised, ${owned} owned`)
  t.match(await verifyLedger(vendor.store), { ok: true, flaws: [] })
})

onEachStore('two that reactivate together, time after time, wait for no usual pace', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(2)
  const machines = [new Machine(), new Machine()]
  for (const machine of machines) await machine.activate(vendor, key, 1)
  const turns = 12
  let tookMs = Number.POSITIVE_INFINITY
  // At the usual pace it would take as long each time; at the hurried one only where the machine stands still meanwhile.
  // A timer may be a millisecond early.
  const usualMs = (turns - 1) * (pace.usualMs - 1)
  for (let tries = 0; tries < 5 && tookMs >= usualMs; tries++) {
    const from = performance.now()
    for (let turn = 0; turn < turns; turn++) {
      await Promise.all(machines.map(machine => machine.reactivate(vendor)))
    }
    tookMs = performance.now() - from
  }
  t.ok(tookMs < usualMs, `${turns} turns took ${tookMs.toFixed(0)} ms`)
})
