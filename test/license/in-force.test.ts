import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { identityOfStored } from '../../src/license/in-force.ts'

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
