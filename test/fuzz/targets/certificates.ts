import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { verifyChain } from '../../../src/license/chain.ts'
import { licenseProblems } from '../../../src/license/problems.ts'
import { fixtureNow } from '../../license/setting.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateDer, readDer, writeDer } from '../mutate-der.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'
import { issuingDer, rootKeyPem, trustedRoots } from './license-setting.ts'

const rootKey = createPrivateKey(rootKeyPem)

/** Whether a body was signed by the root anew, which the input says in its first byte. */
const asItIs = 0
const signedAnew = 1

/** The certificate in a license: damaged as bytes or as DER; or changed and signed by the root itself. */
export const certificates: Target = {
  name: 'certificates',
  kind: 'documents',
  async open() {
    return { make, judge: async input => judgeCertificate(input) }
  },
}

function make(random: Random): Buffer {
  if (random.chance(25)) return Buffer.concat([Buffer.from([asItIs]), mutateBytes(issuingDer, random)])
  if (random.chance(40)) return Buffer.concat([Buffer.from([asItIs]), mutateDer(issuingDer, random)])
  const [whole] = readDer(issuingDer)
  const [body, algorithm] = whole!.content as Exclude<typeof whole, undefined>[]
  const changed = mutateDer(writeDer(body!, random), random)
  const signature = sign('sha256', changed, rootKey)
  const parts = [
    changed,
    writeDer(algorithm!, random),
    writeDer({ tag: 3, content: Buffer.concat([Buffer.of(0), signature]) }, random),
  ]
  const length = Buffer.alloc(4, 0x82)
  const inner = Buffer.concat(parts)
  length[0] = 0x30
  length.writeUInt16BE(inner.length, 2)
  return Buffer.concat([Buffer.from([signedAnew]), length, inner])
}

export function judgeCertificate(input: Buffer): string {
  const der = input.subarray(1)
  const verdict = verifyChain([der.toString('base64')], { trustedRoots, revoked: new Set() }, fixtureNow)
  if (!verdict.ok) {
    ensure(Object.hasOwn(licenseProblems, verdict.problem.code), `${verdict.problem.code} is not documented.`)
    return verdict.problem.code
  }
  const certificate = new X509Certificate(der)
  ensure(
    certificate.verify(trustedRoots[0]!.publicKey),
    'A certificate was believed that the root did not sign.',
  )
  ensure(!certificate.ca, 'An authority was believed as the signer of licenses.')
  const same = der.equals(issuingDer)
  ensure(same || input[0] === signedAnew, 'Another spelling of the certificate was believed.')
  return same ? 'the same certificate' : 'signed anew'
}
