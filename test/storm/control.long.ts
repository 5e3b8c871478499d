// What the storm is worth: a daemon that answers before it commits does not pass it.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { storm } from './storm.ts'

const SEED = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const MAX_KILLS = 40
const EARLY = new URL('acknowledge-early.ts', import.meta.url).href
const SOURCES = fileURLToPath(new URL('../../src/cli/sessiond.ts', import.meta.url))

t.test('a daemon that acknowledges before it commits is caught', async t => {
  const daemon = { program: SOURCES, nodeFlags: ['--import', EARLY] }
  const result = await storm(t, { kills: MAX_KILLS, seed: SEED, daemon })
  t.comment(`caught after ${result.kills} kills: ${result.wrong[0]}`)
  t.match(
    result.wrong.filter(what => /^(acknowledged and lost|released or never asked for)/.test(what)),
    { 0: /./ },
    `seed ${SEED}`,
  )
})
