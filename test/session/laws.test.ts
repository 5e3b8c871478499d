import fc from 'fast-check'
import t from 'tap'
import { history } from './history.ts'
import { parameters } from './property.ts'
import { World } from './world.ts'

t.test('the Laws hold over every history of grants, crashes and changes of the license', async () => {
  fc.assert(
    fc.property(history, random => new World(random.policy).live(random)),
    parameters(600),
  )
})
