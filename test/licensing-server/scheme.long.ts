import { randomUUID } from 'node:crypto'
import type { Answer, LicenseAnswer } from '../../src/licensing-server/service.ts'
import { signJws } from '../license/setting.ts'
import { onEachStore } from './each-store.ts'
import { codeOf, Machine, readLicense, representative, Vendor } from './vendor.ts'

// Each name quotes the rule that it holds, from "Rules of the licensing scheme" in the design and from the
// issue that asked for this server.

const license = (answer: Answer): LicenseAnswer => {
  if (answer.kind !== 'license') throw new Error(JSON.stringify(answer))
  return answer
}

onEachStore(
  'A pool of 100 sessions: 1×100, 10+90, 10×10, or 50 used and 50 unclaimed. Any split that totals at most the pool.',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    for (const split of [[100], [10, 90], Array(10).fill(10), [50]] as number[][]) {
      const { poolId, key } = await vendor.pool(100)
      for (const sessions of split) {
        const machine = new Machine()
        t.equal(license(await machine.activate(vendor, key, sessions)).units, sessions)
        t.equal(machine.license?.maxSessions, sessions)
      }
      const claimed = split.reduce((sum, sessions) => sum + sessions, 0)
      t.equal(await vendor.claimed(poolId), claimed)
      const last = await new Machine().activate(vendor, key, 101 - claimed)
      t.equal(codeOf(last), 'pool-exhausted')
      t.equal(await vendor.claimed(poolId), claimed)
    }
  },
)

onEachStore(
  'a pool that has run out says so, says how many are left, and names the account representative; `licensing-server pool add-sessions` cures it',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(10)
    await new Machine().activate(vendor, key, 7)
    const machine = new Machine()
    const answer = await machine.activate(vendor, key, 4)
    t.match(answer, {
      kind: 'refused',
      refusal: {
        code: 'pool-exhausted',
        message: 'The pool of 10 sessions has 3 sessions left; 4 are needed.',
        hint: 'Ask for at most 3, or ask your account representative, Ada Lovelace (ada@vendor.example, +44 20 7946 0000) to add sessions.',
        representative,
        pool: { unit: 'sessions', available: 3, needed: 4, total: 10 },
      },
    })
    await vendor.admin.addUnits(poolId, 1)
    t.equal(codeOf(await machine.activate(vendor, key, 4)), 'license')
    const empty = await new Machine().activate(vendor, key, 1)
    t.match(empty, { refusal: { message: 'The pool of 11 sessions has none left; 1 more is needed.' } })
  },
)

onEachStore(
  'Reactivation pulls the latest terms (new expiry, new features) and consumes neither seats nor sessions.',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(100, { terms: { expiresAt: '2027-01-31T23:59:59Z' } })
    const machine = new Machine()
    await machine.activate(vendor, key, 60)
    await vendor.admin.changeTerms(poolId, { expiresAt: '2028-01-31T23:59:59Z', features: ['recording'] })
    vendor.days(30)
    for (const generation of [2, 3, 4]) {
      t.equal(license(await machine.reactivate(vendor)).generation, generation)
      t.match(machine.license, {
        maxSessions: 60,
        expiresAt: '2028-01-31T23:59:59Z',
        features: ['recording'],
        issuedAt: '2026-12-24T12:00:00Z',
      })
      t.equal(await vendor.claimed(poolId), 60)
    }
  },
)

onEachStore(
  'If it asks for more sessions than the installation owns and the pool has them, only the difference is subtracted.',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(100)
    const machine = new Machine()
    await machine.activate(vendor, key, 40)
    await machine.reactivate(vendor, 70)
    t.equal(machine.license?.maxSessions, 70)
    t.equal(await vendor.claimed(poolId), 70)
    const tooMuch = await machine.reactivate(vendor, 101)
    t.match(tooMuch, {
      refusal: {
        code: 'pool-exhausted',
        hint: /^Ask for at most 100 in all, 70 of which this machine owns already, or /,
        pool: { available: 30, needed: 31 },
      },
    })
    await machine.reactivate(vendor, 100)
    t.equal(await vendor.claimed(poolId), 100)
  },
)

onEachStore('lowering is refused; nothing is returned', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 40)
  for (const lower of [await machine.reactivate(vendor, 39), await machine.activate(vendor, key, 1)]) {
    t.match(lower, { refusal: { code: 'lowering-refused', representative } })
  }
  t.equal(await vendor.claimed(poolId), 40)
  await machine.reactivate(vendor, 40)
  t.equal(machine.license?.maxSessions, 40, 'the same number is no lowering')
})

onEachStore('one machine activating twice is a reactivation, not a second claim', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 40)
  const { installationId } = machine.license!
  await machine.activate(vendor, key)
  t.match(machine.license, { installationId, maxSessions: 40, generation: 2 })
  await machine.activate(vendor, key, 50)
  t.match(machine.license, { installationId, maxSessions: 50, generation: 3 })

  const setUpAnew = new Machine({ ...machine.facts, machineId: '12345678'.repeat(4) })
  await setUpAnew.activate(vendor, key)
  t.match(
    setUpAnew.license,
    { installationId, maxSessions: 50, generation: 4 },
    'a new machine key and a new machine-id, as after a new installation of the system',
  )
  t.equal(await vendor.claimed(poolId), 50)
})

onEachStore(
  'An activated installation owns its sessions; they cannot be returned. No floating licenses.',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(10)
    await new Machine().activate(vendor, key, 10)
    vendor.days(3650)
    t.equal(
      codeOf(await new Machine().activate(vendor, key, 1)),
      'pool-exhausted',
      'a machine that was off for ten years still owns what it claimed',
    )
    t.equal(await vendor.claimed(poolId), 10)
  },
)

onEachStore('Studio: one seat per machine, reactivation free', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(2, { product: 'studio' })
  const machine = new Machine()
  machine.product = 'studio'
  t.match(await machine.activate(vendor, key), { units: 1, unit: 'seats' })
  t.match(machine.license, { seats: 1, maxSessions: 0, product: 'studio' })
  await machine.activate(vendor, key, 1)
  await machine.reactivate(vendor)
  t.equal(await vendor.claimed(poolId), 1)
  t.equal(codeOf(await machine.activate(vendor, key, 2)), 'one-seat-a-machine')
  for (const expected of ['license', 'pool-exhausted']) {
    const other = new Machine()
    other.product = 'studio'
    const answer = await other.activate(vendor, key)
    t.equal(codeOf(answer), expected)
    if (answer.kind === 'refused') {
      t.equal(answer.refusal.message, 'The pool of 2 seats has none left; 1 more is needed.')
    }
  }
})

onEachStore('a key for Studio 5.0 is good for 5.1 (keys name a version range)', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(2, {
    product: 'studio',
    terms: { versions: { from: '5.0', to: '5.x' } },
  })
  const onNewer = new Machine()
  onNewer.product = 'studio'
  onNewer.version = '5.1'
  t.equal(codeOf(await onNewer.activate(vendor, key)), 'license', 'the key activates 5.1')
  const machine = new Machine()
  machine.product = 'studio'
  machine.version = '5.0.0'
  t.equal(codeOf(await machine.activate(vendor, key)), 'license')
  machine.version = '5.1.2'
  t.equal(codeOf(await machine.reactivate(vendor)), 'license')
  machine.version = '6.0.0'
  t.match(await machine.reactivate(vendor), {
    refusal: {
      code: 'version-not-covered',
      message: 'The license covers versions 5.0 to 5.x; the machine runs 6.0.0.',
    },
  })
  await vendor.admin.changeTerms(poolId, { versions: { from: '5.0', to: '6.x' } })
  t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'an upgrade is a change of terms')
})

onEachStore('a key of another product is refused', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(5, { product: 'studio' })
  t.match(await new Machine().activate(vendor, key, 1), {
    refusal: {
      code: 'other-product',
      message: 'This is a license for studio; the machine asks for call-services.',
    },
  })
  t.equal(await vendor.claimed(poolId), 0)
})

onEachStore(
  'Idempotent: a repeated request (same request id, reply lost) returns the same license and claims nothing twice.',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { poolId, key } = await vendor.pool(100)
    const machine = new Machine()
    const request = await machine.request({ sessions: 30 })
    const options = { installationKey: key }
    const first = license(await vendor.service.activate(request, options))
    t.equal(first.repeated, false)
    vendor.days(2)
    const again = license(await vendor.service.activate(request, options))
    t.strictSame({ ...again, repeated: false }, first)
    t.equal(again.repeated, true)
    t.match(
      await vendor.service.submit(`\n${request} \n`, options),
      { license: first.license },
      'as a file, too',
    )
    t.equal(await vendor.claimed(poolId), 30)

    t.match(await vendor.service.activate(request, { ...options, sessions: 31 }), {
      refusal: {
        code: 'request-id-reused',
        message:
          'This request was already answered with a license for 30 sessions. A request is answered once.',
      },
    })

    await machine.install(first)
    const raise = await machine.request({ sessions: 50 })
    const raised = license(await vendor.service.reactivate(raise))
    t.equal(license(await vendor.service.reactivate(raise)).license, raised.license)
    t.equal(await vendor.claimed(poolId), 50)

    await machine.install(raised)
    await machine.reactivate(vendor)
    t.equal(
      codeOf(await vendor.service.reactivate(raise)),
      'request-outdated',
      'an old file, sent again by mistake',
    )
    const { installationId } = raised
    t.equal((await vendor.store.situation(installationId))?.installation.standing, 'good')
    t.equal(machine.license?.generation, 3)
  },
)

onEachStore('a customer whose reply was lost is not taken for a clone', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key } = await vendor.pool(100)
  const machine = new Machine()
  await machine.activate(vendor, key, 10)
  for (let lost = 0; lost < 3; lost++) {
    const requestId = randomUUID()
    await vendor.service.reactivate(await machine.request({ requestId }))
    machine.earlierRequestIds.push(requestId)
  }
  t.equal(license(await machine.reactivate(vendor, 20)).generation, 5)
  t.equal((await vendor.store.situation(machine.license!.installationId))?.installation.standing, 'good')
})

onEachStore(
  'an activation needs a key, a number of sessions, and facts of the machine',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const { key } = await vendor.pool(100)
    const machine = new Machine()
    const request = await machine.request()
    t.equal(codeOf(await vendor.service.submit(request)), 'installation-key-required')
    t.equal(
      codeOf(await vendor.service.submit(request, { installationKey: ' ' })),
      'installation-key-required',
    )
    t.equal(codeOf(await vendor.service.submit(request, { installationKey: key })), 'sessions-required')
    t.equal(codeOf(await vendor.service.reactivate(request)), 'installation-unknown')
    const bare = await machine.request({ fingerprint: null, sessions: 1 })
    t.equal(codeOf(await vendor.service.submit(bare, { installationKey: key })), 'machine-without-facts')
    t.equal(
      codeOf(await vendor.service.submit(request, { installationKey: key, sessions: 5 })),
      'license',
      'the number on the page is enough',
    )
    t.match(await vendor.service.submit(`${request}x`), {
      refusal: { code: 'request-not-parsable', representative: null },
    })
    t.equal(codeOf(await vendor.service.confirmDeactivation(request)), 'request-kind-mismatch')
    const confirmation = await machine.request({ deactivationOf: randomUUID() })
    t.equal(
      codeOf(await vendor.service.activate(confirmation, { installationKey: key })),
      'request-kind-mismatch',
    )
    t.equal(codeOf(await vendor.service.reactivate(confirmation)), 'request-kind-mismatch')
    t.equal(codeOf(await vendor.service.submit(confirmation)), 'installation-unknown')
  },
)

onEachStore('keys: typed any way, mistyped, unknown, withdrawn', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(100)
  const typed = key.toLowerCase().replaceAll('-', ' ')
  t.equal(codeOf(await new Machine().activate(vendor, typed, 1)), 'license')
  const wrongLetter = key.replace(/.$/, letter => (letter === '0' ? '1' : '0'))
  t.equal(codeOf(await new Machine().activate(vendor, wrongLetter, 1)), 'installation-key-malformed')
  const { key: others } = await vendor.pool(100)
  const rows = await vendor.store.keys({ poolId })
  t.notOk(JSON.stringify(rows).includes(key.replaceAll('-', '').slice(7, 24)), 'the secret is kept as a hash')
  await ledger.tamper(
    `update installation_key set secret_hash = '${'0'.repeat(64)}' where pool_id <> '${poolId}'`,
  )
  t.match(await new Machine().activate(vendor, others, 1), {
    refusal: { code: 'installation-key-unknown', representative: null },
  })

  const machine = new Machine()
  await machine.activate(vendor, key, 2)
  await vendor.admin.revokeKey(rows[0]!.keyId)
  t.equal(codeOf(await new Machine().activate(vendor, key, 1)), 'installation-key-revoked')
  t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'what was activated with it goes on')
})

onEachStore(
  'what was bought and has expired, grace and all, is neither activated nor reactivated',
  async (t, ledger) => {
    const vendor = await Vendor.withCustomer(await ledger.open())
    const terms = { expiresAt: '2026-11-30T23:59:59Z', graceDays: 10 }
    const { poolId, key } = await vendor.pool(100, { terms })
    const machine = new Machine()
    await machine.activate(vendor, key, 5)
    vendor.days(16)
    t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'in grace')
    vendor.days(1)
    t.match(await machine.reactivate(vendor), {
      refusal: {
        code: 'pool-expired',
        message: 'The license expired at 2026-11-30T23:59:59Z, and its grace is over.',
      },
    })
    t.equal(codeOf(await new Machine().activate(vendor, key, 5)), 'pool-expired')
    await vendor.admin.changeTerms(poolId, { expiresAt: '2027-11-30T23:59:59Z' })
    t.equal(codeOf(await machine.reactivate(vendor)), 'license')
  },
)

onEachStore('a claim does not change pools', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const first = await vendor.pool(10)
  const second = await vendor.pool(10)
  const machine = new Machine()
  await machine.activate(vendor, first.key, 5)
  t.match(await machine.activate(vendor, second.key, 8), {
    refusal: {
      code: 'installed-from-other-pool',
      message: 'This machine already owns 5 sessions of another pool of yours.',
    },
  })
  t.equal(await vendor.claimed(second.poolId), 0)
  await vendor.admin.addCustomer({ customerId: 'bell', name: 'Bell', representative })
  await vendor.admin.openPool({
    poolId: 'bells',
    customerId: 'bell',
    product: 'call-services',
    total: 5,
    terms: (await vendor.store.pool(first.poolId))!.terms,
  })
  const { text } = await vendor.admin.createKey('bells', 'key of Bell')
  t.equal(
    codeOf(await machine.activate(vendor, text, 5)),
    'license',
    'a machine that was sold to another customer',
  )
})

onEachStore('a demonstration license says so, and needs no facts', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open(), { demonstration: true })
  const { key } = await vendor.pool(10)
  const machine = new Machine()
  const request = await machine.request({ fingerprint: null, sessions: 10 })
  const answer = license(await vendor.service.activate(request, { installationKey: key }))
  t.match(await readLicense(answer), { demonstration: true, fingerprint: null, maxSessions: 10 })
  await machine.install(answer)
  t.equal(codeOf(await vendor.service.reactivate(await machine.request({ fingerprint: null }))), 'license')
})

onEachStore('a machine whose key is spelled otherwise claims nothing twice', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { key, poolId } = await vendor.pool(100)
  const machine = new Machine()
  const first = await machine.activate(vendor, key, 10)
  const [head, payload] = (await machine.request({ sessions: 12 })).split('.') as [string, string]
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as { jwk: { x: string } } & {
    alg: string
  }
  // The last character holds two bits that no byte needs.
  const x = header.jwk.x.replace(/.$/, last => String.fromCharCode(last.charCodeAt(0) + 1))
  const same = Buffer.from(x, 'base64url').equals(Buffer.from(header.jwk.x, 'base64url'))
  t.ok(same && x !== header.jwk.x)
  const content = Buffer.from(payload, 'base64url').toString()
  const text = await signJws(content, { ...header, jwk: { ...header.jwk, x } }, machine.privateKey)
  const again = await vendor.service.activate(text, { installationKey: key })
  t.match(again, { installationId: license(first).installationId, units: 12, generation: 2 })
  t.equal(await vendor.claimed(poolId), 12)
  await machine.install(again)
  t.equal(codeOf(await machine.reactivate(vendor)), 'license', 'as before it is the same key')
  const { installationId } = license(first)
  t.match(await vendor.store.situation(installationId), { installation: { standing: 'good', units: 12 } })
})
