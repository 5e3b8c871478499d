// The units under the systemd of this machine.
import t from 'tap'
import { cannotBoot } from './booted.ts'
import { units } from './units.ts'

t.setTimeout(600_000)
t.test('the units, under the systemd of this machine', { skip: cannotBoot() }, t => units(t, 'own'))
