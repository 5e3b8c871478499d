import { randomUUID } from 'node:crypto'
import t from 'tap'
import { Compile } from 'typebox/compile'
import { apiPaths, ConfirmationReply, LicenseReply, Problem } from '../../../src/licensing-api/schemas.ts'
import { Machine, newMachineKey, randomFacts, readLicense, representative } from '../vendor.ts'
import { answerOf, publishRevocationList, type Reply, type Site, startSite } from './site.ts'

const isLicenseReply = Compile(LicenseReply)
const isConfirmationReply = Compile(ConfirmationReply)
const isProblem = Compile(Problem)

/** Activates over HTTP, and installs what comes. */
async function activate(site: Site, machine: Machine, key: string, sessions?: number): Promise<Reply> {
  const request = await machine.request({ sessions: sessions ?? null })
  const reply = await site.post(apiPaths.activations, { request, installationKey: key })
  if (reply.status === 200) await install(machine, reply)
  return reply
}

async function reactivate(site: Site, machine: Machine, sessions?: number): Promise<Reply> {
  const reply = await site.post(apiPaths.reactivations, {
    request: await machine.request(),
    ...(sessions === undefined ? {} : { sessions }),
  })
  if (reply.status === 200) await install(machine, reply)
  return reply
}

async function install(machine: Machine, reply: Reply): Promise<void> {
  await machine.install(answerOf(reply))
}

async function confirm(
  site: Site,
  machine: Machine,
  deactivationOf = machine.license?.licenseId,
): Promise<Reply> {
  const request = await machine.request({ deactivationOf: deactivationOf ?? null })
  return site.post(apiPaths.deactivationConfirmations, { request })
}

t.test('a machine activates, reactivates, raises its claim, and moves to another machine', async t => {
  const site = await startSite(t)
  const { poolId, key } = await site.vendor.pool(100)
  const machine = new Machine()
  const first = await activate(site, machine, ` ${key.toLowerCase().replaceAll('-', ' ')} `, 40)
  t.equal(first.status, 200, first.text)
  t.ok(isLicenseReply.Check(first.body), 'fits its schema')
  t.match(first.body, { units: 40, unit: 'sessions', generation: 1, deactivated: false, repeated: false })
  t.equal(first.headers.get('cache-control'), 'no-store')
  t.equal(machine.license?.issuedAt, '2026-11-24T12:00:00Z', 'the signed time of the server')

  const second = await reactivate(site, machine)
  t.match(second.body, { units: 40, generation: 2, repeated: false })
  t.match((await reactivate(site, machine, 60)).body, { units: 60 })
  t.equal(await site.vendor.claimed(poolId), 60)

  const { installationId = '' } = machine.license ?? {}
  const { text: transferKey } = await site.vendor.admin.startTransfer(installationId)
  t.match((await reactivate(site, machine)).body, { units: 0, deactivated: true })
  const confirmed = await confirm(site, machine)
  t.equal(confirmed.status, 200, confirmed.text)
  t.ok(isConfirmationReply.Check(confirmed.body))
  t.match(confirmed.body, { installationId, repeated: false })
  t.match((await confirm(site, machine)).body, { repeated: true })
  t.match((await activate(site, new Machine(), transferKey)).body, { units: 60 })
  t.equal(await site.vendor.claimed(poolId), 60)
})

t.test('a request that is sent again gets the same license and claims nothing twice', async t => {
  const site = await startSite(t)
  const { poolId, key } = await site.vendor.pool(100)
  const machine = new Machine()
  const body = { request: await machine.request({ sessions: 40 }), installationKey: key }
  const first = await site.post(apiPaths.activations, body)
  const again = await site.post(apiPaths.activations, body)
  t.equal(again.body['license'], first.body['license'])
  t.equal(first.body['repeated'], false)
  t.equal(again.body['repeated'], true)
  t.equal(await site.vendor.claimed(poolId), 40)
  await install(machine, first)
  const more = { request: await machine.request() }
  const replies = await Promise.all(Array.from({ length: 8 }, () => site.post(apiPaths.reactivations, more)))
  t.equal(new Set(replies.map(reply => reply.body['license'])).size, 1)
})

t.test('seats of Studio are claimed the same way', async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(2, { product: 'studio' })
  const studio = new Machine()
  studio.product = 'studio'
  studio.version = '5.1.0'
  const reply = await activate(site, studio, key)
  t.match(reply.body, { units: 1, unit: 'seats' })
  t.match((await activate(site, studio, key)).body, { units: 1 }, 'activating twice is a reactivation')
})

/** Each makes the server refuse, and returns its answer. */
const refusals: Record<string, { status: number; cause: (site: Site) => Promise<Reply> }> = {
  'request-kind-mismatch': {
    status: 422,
    async cause(site) {
      const request = await new Machine().request({ deactivationOf: randomUUID() })
      return site.post(apiPaths.activations, { request, installationKey: 'x' })
    },
  },
  'request-id-reused': {
    status: 409,
    async cause(site) {
      const { key } = await site.vendor.pool(10)
      const requestId = randomUUID()
      const machine = new Machine()
      for (const sessions of [2, 3]) {
        const request = await machine.request({ requestId, sessions })
        const reply = await site.post(apiPaths.activations, { request, installationKey: key })
        if (sessions === 3) return reply
      }
      throw new Error('unreachable')
    },
  },
  'request-outdated': {
    status: 409,
    async cause(site) {
      const { key } = await site.vendor.pool(10)
      const machine = new Machine()
      await activate(site, machine, key, 2)
      const request = await machine.request()
      await install(machine, await site.post(apiPaths.reactivations, { request }))
      await reactivate(site, machine)
      return site.post(apiPaths.reactivations, { request })
    },
  },
  'installation-key-malformed': { status: 422, cause: site => activate(site, new Machine(), 'ABC', 1) },
  'installation-key-unknown': {
    status: 403,
    async cause(site) {
      const elsewhere = await startSite(t)
      return activate(site, new Machine(), (await elsewhere.vendor.pool(1)).key, 1)
    },
  },
  'installation-key-revoked': {
    status: 403,
    async cause(site) {
      const { key, poolId } = await site.vendor.pool(10)
      for (const { keyId } of await site.vendor.store.keys({ poolId }))
        await site.vendor.admin.revokeKey(keyId)
      return activate(site, new Machine(), key, 1)
    },
  },
  'transfer-key-used': {
    status: 403,
    async cause(site) {
      const { key } = await site.vendor.pool(10)
      const machine = new Machine()
      await activate(site, machine, key, 1)
      const { text } = await site.vendor.admin.startTransfer(machine.license?.installationId ?? '')
      await reactivate(site, machine)
      await confirm(site, machine)
      await activate(site, new Machine(), text)
      return activate(site, new Machine(), text)
    },
  },
  'transfer-unconfirmed': {
    status: 409,
    async cause(site) {
      const { key } = await site.vendor.pool(10)
      const machine = new Machine()
      await activate(site, machine, key, 1)
      const { text } = await site.vendor.admin.startTransfer(machine.license?.installationId ?? '')
      return activate(site, new Machine(), text)
    },
  },
  'other-product': {
    status: 403,
    async cause(site) {
      return activate(site, new Machine(), (await site.vendor.pool(10, { product: 'studio' })).key, 1)
    },
  },
  'version-not-covered': {
    status: 403,
    async cause(site) {
      const machine = new Machine()
      machine.version = '6.0.0'
      return activate(site, machine, (await site.vendor.pool(10)).key, 1)
    },
  },
  'sessions-required': {
    status: 422,
    async cause(site) {
      return activate(site, new Machine(), (await site.vendor.pool(10)).key)
    },
  },
  'one-seat-a-machine': {
    status: 422,
    async cause(site) {
      const machine = new Machine()
      machine.product = 'studio'
      return activate(site, machine, (await site.vendor.pool(10, { product: 'studio' })).key, 2)
    },
  },
  'lowering-refused': {
    status: 409,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 5)
      return reactivate(site, machine, 4)
    },
  },
  'pool-exhausted': {
    status: 409,
    async cause(site) {
      const { key } = await site.vendor.pool(10)
      await activate(site, new Machine(), key, 7)
      return activate(site, new Machine(), key, 4)
    },
  },
  'pool-expired': {
    status: 403,
    async cause(site) {
      const { key } = await site.vendor.pool(10, {
        terms: { expiresAt: '2026-01-31T23:59:59Z', graceDays: 0 },
      })
      return activate(site, new Machine(), key, 1)
    },
  },
  'installed-from-other-pool': {
    status: 409,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 1)
      return activate(site, machine, (await site.vendor.pool(10)).key, 1)
    },
  },
  'installation-unknown': {
    status: 404,
    async cause(site) {
      const request = await new Machine().request({ installationId: randomUUID(), generation: 3 })
      return site.post(apiPaths.reactivations, { request })
    },
  },
  'other-machine-key': {
    status: 403,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 1)
      machine.privateKey = newMachineKey()
      return reactivate(site, machine)
    },
  },
  'other-machine': {
    status: 403,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 1)
      machine.facts = randomFacts()
      return reactivate(site, machine)
    },
  },
  'clone-suspected': {
    status: 409,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 1)
      const copy = machine.clone()
      await reactivate(site, machine)
      await reactivate(site, copy)
      return reactivate(site, machine)
    },
  },
  'installation-blocked': {
    status: 403,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 1)
      await site.vendor.admin.blockInstallation(machine.license?.installationId ?? '', 'stolen')
      return reactivate(site, machine)
    },
  },
  'deactivation-not-asked': {
    status: 409,
    async cause(site) {
      const machine = new Machine()
      await activate(site, machine, (await site.vendor.pool(10)).key, 1)
      return confirm(site, machine)
    },
  },
  'machine-without-facts': {
    status: 422,
    async cause(site) {
      const { key } = await site.vendor.pool(10)
      const request = await new Machine().request({ fingerprint: null, sessions: 1 })
      return site.post(apiPaths.activations, { request, installationKey: key })
    },
  },
  'request-not-parsable': {
    status: 422,
    cause: site => site.post(apiPaths.reactivations, { request: 'a.b' }),
  },
  'request-too-large': {
    status: 413,
    cause: site => site.post(apiPaths.reactivations, { request: 'a'.repeat(16 * 1024 + 1) }),
  },
  'request-wrong-type': {
    status: 422,
    async cause(site) {
      const machine = new Machine()
      const reply = await activate(site, machine, (await site.vendor.pool(1)).key, 1)
      return site.post(apiPaths.reactivations, { request: reply.body['license'] })
    },
  },
  'request-signature-invalid': {
    status: 422,
    async cause(site) {
      const [head, , signature] = (await new Machine().request()).split('.')
      const payload = Buffer.from('{"schema":1}').toString('base64url')
      return site.post(apiPaths.reactivations, { request: `${head}.${payload}.${signature}` })
    },
  },
}

t.test('every refusal is a problem with a stable type', async t => {
  const site = await startSite(t)
  for (const [code, { status, cause }] of Object.entries(refusals)) {
    const reply = await cause(site)
    t.equal(reply.status, status, `${code}: ${reply.text}`)
    t.match(reply.headers.get('content-type'), /^application\/problem\+json/, code)
    t.ok(isProblem.Check(reply.body), `${code} fits its schema`)
    const { type, code: given, requestId = 'none', hint } = reply.body
    t.equal(type, `urn:problem-type:sessiond:${code}`)
    t.equal(given, code)
    t.equal(reply.headers.get('x-request-id'), requestId, code)
    t.ok(hint, code)
  }
})

t.test('a pool that has run out says how many are left, and names the account representative', async t => {
  const site = await startSite(t)
  const { body } = await refusals['pool-exhausted']!.cause(site)
  t.match(body, {
    title: 'The pool has fewer left than the request would take.',
    detail: 'The pool of 10 sessions has 3 sessions left; 4 are needed.',
    hint: /^Ask for at most 3/,
    accountRepresentative: representative,
    pool: { unit: 'sessions', available: 3, needed: 4, total: 10 },
  })
})

t.test('revocation lists are published, and come with every license', async t => {
  const site = await startSite(t)
  t.strictSame((await site.get(apiPaths.revocationLists)).body, { revocationLists: [] })
  const list = await publishRevocationList(site)
  t.strictSame((await site.get(apiPaths.revocationLists)).body, { revocationLists: [list] })
  const { key } = await site.vendor.pool(5)
  t.strictSame((await activate(site, new Machine(), key, 5)).body['revocationLists'], [list])
})

t.test('a license that came over HTTP verifies as the daemon verifies it', async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(5)
  const reply = await activate(site, new Machine(), key, 5)
  const answer = answerOf(reply)
  t.match(await readLicense(answer), { maxSessions: 5, generation: 1, licenseId: answer.licenseId })
})
