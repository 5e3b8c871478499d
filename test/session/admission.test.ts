import t from 'tap'
import { refusalOf } from '../../src/session/admission.ts'
import { ApplicationTable } from '../../src/session/applications.ts'
import { ClientTable } from '../../src/session/client-table.ts'
import { applicationPolicyOf, policyOf } from './setting.ts'

t.test('where several reasons apply, the one that is judged first is given', async t => {
  const applications = new Map([['ivr', applicationPolicyOf({ max: 0, feature: 'voice' })]])
  const nothing = { limit: 0, maxSessionsPerClient: 0, applications }
  const client = new ClientTable().add({ identity: null, label: null, process: null })
  const judge = (part: Parameters<typeof policyOf>[0]) => {
    const policy = policyOf(part)
    return refusalOf(policy, client, new ApplicationTable(policy).named('ivr')!, 0)
  }
  t.equal(judge({ ...nothing, refusal: 'unlicensed' }), 'unlicensed')
  t.equal(judge(nothing), 'feature-not-licensed')
  const features = new Set(['voice'])
  t.equal(judge({ ...nothing, features }), 'client-limit-reached')
  t.equal(judge({ ...nothing, features, maxSessionsPerClient: 1 }), 'application-limit-reached')
  t.equal(judge({ limit: 0 }), 'limit-reached')
  t.equal(judge({ limit: 1 }), null)
})
