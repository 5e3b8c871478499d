// The units under systemd 257, where its root is there; a file of its own, since it takes minutes.
import t from 'tap'
import { cannotBootTrixie } from './booted.ts'
import { units } from './units.ts'

t.setTimeout(600_000)
t.test('the units, under systemd 257', { skip: cannotBootTrixie() }, t => units(t, 'trixie'))
