import fc from 'fast-check'
import t from 'tap'
import { parameters } from '../property.ts'
import { history } from './history.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { World } from './world.ts'

t.test('the Laws hold over every history of grants, crashes and changes of the license', async () => {
  fc.assert(
    fc.property(history, random => new World(random.policy).live(random)),
    parameters(3000),
  )
})

t.test('the histories find every planted bug', async t => {
  for (const [name, daemon] of Object.entries(PLANTED_BUGS)) {
    const property = fc.property(history, random => new World(random.policy, daemon).live(random))
    const { failed, numRuns } = fc.check(property, { numRuns: 3000, seed: 1, endOnFailure: true })
    t.ok(failed, `${name}: found in history ${numRuns}`)
  }
})
