/**
 * Makes the vendor of the tests anew, in test/support/authority. Valid from 2020 for 29 years, so that tests
 * pass on machines whose clock is wrong.
 *
 *   npx node test/support/make-authority.ts
 */
import { rmSync } from 'node:fs'
import { initAuthority } from '../../src/licensing-server/authority-files.ts'
import { authorityFolder } from './site.ts'

rmSync(authorityFolder, { recursive: true, force: true })
await initAuthority(authorityFolder, {
  organization: 'Vendor of the Tests',
  now: Date.parse('2020-01-01T00:00:00Z'),
  rootYears: 29,
  rootBits: 3072,
  issuingYears: 29,
})
