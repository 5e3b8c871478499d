import t from 'tap'
import { Fault } from '../../../src/errors.ts'
import { problemOfError } from '../../../src/licensing-server/http/faults.ts'
import {
  httpProblem,
  problemOfRefusal,
  refusalProblems,
} from '../../../src/licensing-server/http/problems.ts'
import { refusal } from '../../../src/licensing-server/ledger/refusals.ts'

t.test('a ledger on which too much happens at once is to be asked again', async t => {
  t.match(problemOfRefusal(refusal('server-busy', {})), {
    code: 'server-busy',
    status: 503,
    hint: 'Send the same request again in a few seconds.',
  })
})

t.test('every refusal has a status of its kind', async t => {
  for (const { code, status, title } of refusalProblems) {
    t.ok(title, code)
    t.ok(status === 503 ? code === 'server-busy' : status >= 400 && status < 429, `${code} ${status}`)
  }
})

t.test('what is thrown tells the client nothing of the inside', async t => {
  const secret = '/var/lib/secret/place'
  const cases: [error: unknown, code: string, retry: number | null][] = [
    [new Fault('ledger-unavailable', secret, { hint: secret, retryable: true }), 'ledger-unavailable', 5],
    [new Fault('issuing-certificate-invalid', secret), 'issuer-unavailable', 60],
    [new Fault('something-else', secret), 'internal-error', null],
    [new TypeError(secret), 'internal-error', null],
    [secret, 'internal-error', null],
    [null, 'internal-error', null],
    [undefined, 'internal-error', null],
    [Object.assign(new Error(secret), { statusCode: 413 }), 'body-too-large', null],
    [Object.assign(new Error(secret), { statusCode: 415 }), 'content-type-unsupported', null],
    [Object.assign(new Error(secret), { statusCode: 406 }), 'content-type-unsupported', null],
    [Object.assign(new Error(secret), { statusCode: 400 }), 'body-invalid', null],
    [Object.assign(new Error(secret), { statusCode: 500 }), 'internal-error', null],
  ]
  for (const [error, code, retry] of cases) {
    const { problem, retryAfterSeconds } = problemOfError(error)
    t.equal(problem.code, code)
    t.equal(retryAfterSeconds, retry, code)
    t.notMatch(JSON.stringify(problem), secret)
  }
  t.equal(httpProblem('not-found', 'x').status, 404)
})
