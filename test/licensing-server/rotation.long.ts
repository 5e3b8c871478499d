import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import tap from 'tap'
import { readTrustedRoots } from '../../src/license/chain.ts'
import type { License } from '../../src/license/document.ts'
import { revokedKeys, verifyRevocationList } from '../../src/license/revocation.ts'
import { verifyLicense } from '../../src/license/verify.ts'
import {
  authorityPaths,
  initAuthority,
  readIssuer,
  renewIssuing,
} from '../../src/licensing-server/authority-files.ts'
import { publishRevocations } from '../../src/licensing-server/publish-revocations.ts'
import { revokeCertificate } from '../../src/licensing-server/revocation-list.ts'
import type { Answer } from '../../src/licensing-server/service.ts'
import { onEachStore } from './each-store.ts'
import { codeOf, Machine, Vendor } from './vendor.ts'

const now = Date.parse('2026-11-24T12:00:00Z')
const original = join(tap.testdir({}), 'authority')
await initAuthority(original, { organization: 'Vendor', now, rootBits: 3072 })

onEachStore(
  'Key rotation rehearsed: new issuing certificate, old licenses valid, revoked ones not',
  async (t, ledger) => {
    const directory = join(t.testdir({}), ledger.kind)
    cpSync(original, directory, { recursive: true })
    const pem = readFileSync(join(directory, authorityPaths.trustedRoot), 'utf8')
    const trustedRoots = readTrustedRoots([{ name: 'root.pem', pem }])
    let issuer = readIssuer(directory, now)
    const store = await ledger.open()
    const vendor = await Vendor.withCustomer(store, { issuer: () => issuer })
    const { key, poolId } = await vendor.pool(100)
    const old = new Machine()
    const request = await old.request({ sessions: 10 })
    const before = await vendor.service.activate(request, { installationKey: key })

    /** What a machine makes of a license, with the revocation lists that it was given. */
    async function judge(answer: Answer, lists: string[]): Promise<string> {
      if (answer.kind !== 'license') return codeOf(answer)
      const verdicts = await Promise.all(lists.map(list => verifyRevocationList(list, trustedRoots)))
      const revoked = revokedKeys(verdicts.flatMap(verdict => (verdict.ok ? [verdict.list] : [])))
      const verdict = await verifyLicense(answer.license, {
        trustedRoots,
        revoked,
        product: 'call-services',
        version: '5.0.0',
        fingerprint: 'not-compared',
        machineJkt: 'not-compared',
        now,
      })
      return verdict.ok ? 'valid' : verdict.problem.code
    }
    const textOf = (answer: Answer) => (answer.kind === 'license' ? answer.license : '')
    const payloadOf = (answer: Answer) => {
      return JSON.parse(Buffer.from(textOf(answer).split('.')[1]!, 'base64url').toString()) as License
    }
    const listsOf = (answer: Answer) => (answer.kind === 'license' ? answer.revocationLists : [])

    const oldCertificate = readFileSync(join(directory, authorityPaths.issuingCertificate), 'utf8')
    t.equal(await judge(before, []), 'valid')
    const renewedAt = now + 86_400_000
    const thief = issuer
    issuer = await renewIssuing(directory, { now: renewedAt })
    vendor.now = renewedAt + 86_400_000
    const second = await new Machine().request({ sessions: 10 })
    const renewed = await vendor.service.activate(second, { installationKey: key })
    t.strictSame(listsOf(renewed), [], 'nothing was revoked')
    t.equal(await judge(renewed, []), 'valid')
    t.equal(await judge(before, listsOf(renewed)), 'valid', 'what the old certificate signed stays good')

    t.equal(await publishRevocations(store, directory, trustedRoots, () => now), null)
    await revokeCertificate(directory, oldCertificate, { reason: 'the key was stolen', now })
    t.match(await publishRevocations(store, directory, trustedRoots, () => now), {
      number: 1,
      revoked: 1,
      isNew: true,
    })
    t.match(await publishRevocations(store, directory, trustedRoots, () => now), { isNew: false })

    const repeated = await vendor.service.activate(request, { installationKey: key })
    t.equal(listsOf(repeated).length, 1, 'every reply carries the list')
    t.strictSame(await vendor.service.revocationLists(), listsOf(repeated))
    t.equal(await judge(before, listsOf(repeated)), 'license-issuer-revoked')
    t.equal(await judge(renewed, listsOf(repeated)), 'valid')

    t.equal(
      await judge(repeated, listsOf(repeated)),
      'valid',
      'the same license, signed by the present certificate',
    )
    t.match(repeated, { repeated: true, generation: 1, units: 10, licenseId: payloadOf(before).licenseId })
    t.strictSame(
      payloadOf(repeated),
      { ...payloadOf(before), issuedAt: '2026-11-25T12:00:00Z' },
      'issued no later than the certificate demands',
    )
    vendor.days(30)
    const third = await vendor.service.activate(request, { installationKey: key })
    t.strictSame(payloadOf(third), payloadOf(repeated), 'nobody gains time by repeating')
    t.equal(await vendor.claimed(poolId), 20, 'and nothing is claimed twice')
    const renewedAgain = await vendor.service.activate(second, { installationKey: key })
    t.match(renewedAgain, { repeated: true, license: textOf(renewed) }, 'what is good is given as it was')

    const present = issuer
    issuer = thief
    t.match(
      await vendor.service.activate(request, { installationKey: key }),
      { license: textOf(before) },
      'without a better certificate it stays as it is',
    )
    old.license = payloadOf(before)
    await t.rejects(
      vendor.service.reactivate(await old.request()),
      { code: 'issuing-certificate-invalid', message: /it was revoked/ },
      'but nothing new is signed that would put a machine out of service',
    )
    t.match(await vendor.service.readiness(), { ready: false, issuerProblem: /it was revoked/ })
    issuer = present
    t.match(await vendor.service.readiness(), { ready: true })
    const { installationId } = payloadOf(before)
    await vendor.admin.blockInstallation(installationId, 'a copy')
    t.match(
      await vendor.service.activate(request, { installationKey: key }),
      { license: textOf(before) },
      'who is blocked gets nothing new',
    )
    await vendor.admin.clearInstallation(installationId, 'none')

    const anew = await vendor.service.reactivate(await old.request())
    t.equal(await judge(anew, listsOf(anew)), 'valid', 'a new request heals the machine')
  },
)
