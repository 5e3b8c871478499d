import { createPublicKey } from 'node:crypto'
import { verifyMachineRequest } from '../../../src/license/machine-request.ts'
import { requestProblems } from '../../../src/license/request-problems.ts'
import { fixtureNow } from '../../license/setting.ts'
import { Machine } from '../../licensing-server/vendor.ts'
import { ensure, type Target } from '../target.ts'
import { isSignedBy, mutateJws, partsOf } from './signer.ts'

/** Activation-request files. */
export const requests: Target = {
  name: 'requests',
  kind: 'documents',
  async open() {
    const machine = new Machine()
    const text = await machine.request({ sessions: 10 })
    const good = { ...partsOf(text), text }
    return {
      make: random => mutateJws(good, machine.privateKey, 'ES256', random),
      judge: judgeRequest,
    }
  },
}

export async function judgeRequest(input: Buffer): Promise<string> {
  const verdict = await verifyMachineRequest(input, fixtureNow)
  if (!verdict.ok) {
    ensure(Object.hasOwn(requestProblems, verdict.problem.code), `${verdict.problem.code} is not documented.`)
    ensure(verdict.problem.message.length < 5000, 'A refusal does not go on at any length.')
    return verdict.problem.code
  }
  const text = input.toString('latin1').trim()
  const { header, payload } = partsOf(text)
  const key = createPublicKey({ key: header['jwk'] as never, format: 'jwk' })
  ensure(isSignedBy(text, key, 'ES256'), 'A request was believed that its machine did not sign.')
  ensure(payload['requestId'] === verdict.request.requestId, 'The request says something else than its text.')
  ensure(Number.isFinite(verdict.clockAheadMs), 'The time of a request is no number.')
  return 'believed'
}
