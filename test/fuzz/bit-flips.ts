import type { VerifyContext } from '../../src/license/verify.ts'
import { verifyLicense } from '../../src/license/verify.ts'

/** The bits of a license file with which it is still believed when they are turned over: there must be none. */
export async function believedFlips(
  file: Buffer,
  context: VerifyContext,
  step = 1,
  from = 0,
): Promise<number[]> {
  const believed: number[] = []
  for (let bit = from; bit < file.length * 8; bit += step) {
    const copy = Buffer.from(file)
    copy[bit >> 3]! ^= 1 << (bit & 7)
    const verdict = await verifyLicense(copy, context)
    if (verdict.ok) believed.push(bit)
  }
  return believed
}
