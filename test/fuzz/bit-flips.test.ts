import t from 'tap'
import { verifyLicense } from '../../src/license/verify.ts'
import { believedFlips } from './bit-flips.ts'
import { goodLicense, verifyContext } from './targets/license-setting.ts'

const text = goodLicense().text
const file = Buffer.from(`${text}\n`)

t.test('no bit of a license can be turned over: a sample, and the ends of its three parts', async t => {
  t.match(await verifyLicense(file, verifyContext), { ok: true })
  t.strictSame(await believedFlips(file, verifyContext, 127), [])
  // The last character of a part may hold bits that no byte uses; any other spelling of them is refused.
  const ends = [...text.matchAll(/\.|$/g)].map(({ index }) => index)
  t.equal(ends.length, 3)
  for (const end of ends) {
    const slice = Buffer.from(file.subarray(0, Math.min(file.length, end + 1)))
    const rest = file.subarray(slice.length)
    for (let bit = (end - 1) * 8; bit < slice.length * 8; bit++) {
      const copy = Buffer.from(slice)
      copy[bit >> 3]! ^= 1 << (bit & 7)
      t.notOk((await verifyLicense(Buffer.concat([copy, rest]), verifyContext)).ok, `bit ${bit}`)
    }
  }
})
