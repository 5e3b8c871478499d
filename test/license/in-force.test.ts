import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { identityOfStored, newestOfSameInstallation } from '../../src/license/in-force.ts'

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, 'fixtures', `${name}.license`), 'utf8')

test('a stored license keeps its generation, also where it cannot be believed any more', async t => {
  const identity = { installationId: 'c0ffee00-0000-4000-8000-000000000002', generation: 3 }
  t.same(identityOfStored(fixture('valid')), identity)
  t.match(identityOfStored(fixture('license-chain-untrusted')), { installationId: /^c0ffee/ })
  t.match(identityOfStored(fixture('license-issuer-revoked')), { installationId: /^c0ffee/ })
})

test('what is no license is none', async t => {
  for (const name of ['license-not-parsable', 'license-payload-invalid', 'license-schema-too-new']) {
    t.equal(identityOfStored(fixture(name)), null, name)
  }
})

test('of an installation the newest generation rules, whatever was in force after it', async t => {
  const newest = { installationId: 'c0ffee00-0000-4000-8000-000000000002', generation: 3 }
  const [older, other] = [fixture('license-superseded'), fixture('license-not-parsable')]
  t.same(newestOfSameInstallation(older, [fixture('valid'), older, other]), newest)
  t.equal(newestOfSameInstallation(older, []), null)
  t.equal(newestOfSameInstallation(other, [fixture('valid')]), null)
})
