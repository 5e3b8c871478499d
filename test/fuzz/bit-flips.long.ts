import t from 'tap'
import { verifyLicense } from '../../src/license/verify.ts'
import { believedFlips } from './bit-flips.ts'
import { goodLicense, verifyContext } from './targets/license-setting.ts'

t.setTimeout(300_000)

t.test('no single bit of a license can be turned over: all of them', async t => {
  const file = Buffer.from(`${goodLicense().text}\n`)
  t.match(await verifyLicense(file, verifyContext), { ok: true })
  t.comment(`${file.length * 8} bits`)
  t.strictSame(await believedFlips(file, verifyContext), [])
})
