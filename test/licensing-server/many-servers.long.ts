import { verifyLedger } from '../../src/licensing-server/verify-ledger.ts'
import { onEachStore } from './each-store.ts'
import { granted, requestsOf, ServerProcess } from './many-servers.ts'
import { codeOf, Machine, Vendor } from './vendor.ts'

onEachStore('two servers on one ledger grant exactly what fits', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(61)
  const servers = [new ServerProcess(ledger.location), new ServerProcess(ledger.location)]
  for (const server of servers) server.ask(await requestsOf(50, 2, key))
  const answers = (await Promise.all(servers.map(server => server.end()))).flat()
  t.equal(granted(answers).length, 30)
  t.equal(answers.filter(answer => answer !== undefined && codeOf(answer) === 'pool-exhausted').length, 70)
  t.equal(await vendor.claimed(poolId), 60)
  t.match(await verifyLedger(vendor.store), { ok: true, flaws: [] })
})

onEachStore('one machine that activates many times at once has one claim', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(100)
  const machine = new Machine()
  const repeated = { request: await machine.request({ sessions: 7 }), installationKey: key }
  const others = await Promise.all(
    Array.from({ length: 4 }, async () => ({
      request: await new Machine(machine.facts).request({ sessions: 7 }),
      installationKey: key,
    })),
  )
  const servers = [new ServerProcess(ledger.location), new ServerProcess(ledger.location)]
  for (const server of servers) server.ask([repeated, ...others, repeated])
  const answers = (await Promise.all(servers.map(server => server.end()))).flat()
  // Whichever comes last of those that are the same request may find another machine key licensed since.
  const outdated = answers.filter(answer => answer !== undefined && codeOf(answer) === 'request-outdated')
  t.equal(granted(answers).length + outdated.length, answers.length)
  t.ok(granted(answers).length >= 1 + others.length, 'each request has its license once')
  const installations = new Set(
    granted(answers).map(answer => answer?.kind === 'license' && answer.installationId),
  )
  t.equal(installations.size, 1)
  t.equal(await vendor.claimed(poolId), 7)
  t.match(await verifyLedger(vendor.store), { ok: true, flaws: [] })
})

onEachStore('killing one of two servers loses nothing', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(1000)
  // More than SQLite writes in one transaction, so that some are still under way when it dies.
  const asked = await requestsOf(150, 3, key)
  const doomed = new ServerProcess(ledger.location, 10)
  doomed.ask(asked)
  await doomed.ended()
  const before = granted(doomed.answers)
  t.ok(before.length >= 10 && before.length < 150, `it died after ${before.length} answers`)

  const survivor = new ServerProcess(ledger.location)
  survivor.ask(asked)
  const after = await survivor.end()
  t.equal(granted(after).length, 150, 'each machine repeats its request, and has its license')
  for (const [index, answer] of doomed.answers.entries()) {
    if (answer?.kind === 'license') t.match(after[index], { license: answer.license, repeated: true })
  }
  t.equal(await vendor.claimed(poolId), 450, 'and nothing is claimed twice')
  t.match(await verifyLedger(vendor.store), { ok: true, flaws: [] })
})
