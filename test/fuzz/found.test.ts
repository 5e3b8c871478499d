import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bounded } from './drive.ts'
import { targets } from './targets.ts'

const folder = join(import.meta.dirname, 'found')

/** What fuzzing found once, `TARGET.WHAT-IT-WAS.bin`, must never be found again. */
for (const file of readdirSync(folder)) {
  t.test(file, async t => {
    const target = targets.find(({ name }) => name === file.split('.')[0])
    if (target === undefined) return t.fail('there is no such target')
    const attack = await target.open(t)
    await t.resolves(bounded(attack.judge(readFileSync(join(folder, file))), 20_000))
    await attack.finish?.()
  })
}
