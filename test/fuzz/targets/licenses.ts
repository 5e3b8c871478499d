import { licenseProblems } from '../../../src/license/problems.ts'
import { verifyLicense } from '../../../src/license/verify.ts'
import { ensure, type Target } from '../target.ts'
import { goodLicense, issuer, verifyContext } from './license-setting.ts'
import { isSignedBy, mutateJws, partsOf } from './signer.ts'

/** License files. What is believed was signed by the vendor's key, under the vendor's certificate, whole. */
export const licenses: Target = {
  name: 'licenses',
  kind: 'documents',
  async open() {
    const good = goodLicense()
    const verdict = await verifyLicense(good.text, verifyContext)
    ensure(
      verdict.ok,
      `The license that is changed is not good: ${verdict.ok ? '' : verdict.problem.message}`,
    )
    return {
      make: random => mutateJws(good, issuer.privateKey, 'PS256', random),
      judge: input => judgeLicense(input, good.text),
    }
  },
}

/** Holds the verdict on one text against what node:crypto says of its signature. */
export async function judgeLicense(input: Buffer, genuine: string): Promise<string> {
  const verdict = await verifyLicense(input, verifyContext)
  if (!verdict.ok) {
    const { code, message, hint } = verdict.problem
    ensure(Object.hasOwn(licenseProblems, code), `The code ${code} is not documented.`)
    ensure(message.length < 5000 && hint !== '', 'A refusal says what is wrong, and not at any length.')
    return code
  }
  const text = input.toString('latin1').trim()
  if (text === genuine) return 'the same license'
  ensure(
    isSignedBy(text, issuer.chain[0].publicKey, 'PS256'),
    'A license was believed that the vendor did not sign.',
  )
  const { header, payload } = partsOf(text)
  const x5c = issuer.chain.map(({ raw }) => raw.toString('base64'))
  ensure(
    JSON.stringify(header['x5c']) === JSON.stringify(x5c),
    'A license was believed under another certificate.',
  )
  ensure(
    verdict.license.maxSessions === payload['maxSessions'],
    'The license says something else than its text.',
  )
  return 'signed anew'
}
