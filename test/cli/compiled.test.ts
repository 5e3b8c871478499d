import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RunningProgram } from './programs.ts'

const compiled = join(import.meta.dirname, '../../src/cli/compiled.ts')

const PROGRAM = `
const { readFileSync } = require('node:fs')
exports.answer = () => [40, 2].reduce((sum, next) => sum + next)
exports.itself = () => readFileSync(__filename, 'utf8').length
exports.late = () => import('./late.mjs')
`

/** Runs the program in a process of its own, as often as a test likes. */
function setting(t: Test) {
  const folder = t.testdir({ 'program.cjs': PROGRAM, 'late.mjs': 'export const late = "ü"' })
  const program = join(folder, 'program.cjs')
  const kept = join(folder, 'kept')
  const script = `
    const { requireCompiled } = await import(${JSON.stringify(compiled)})
    const { answer, itself, late } = requireCompiled(${JSON.stringify(program)}, ${JSON.stringify(kept)})
    console.log(answer(), itself(), (await late()).late)`
  const run = () => {
    const { NODE_COMPILE_CACHE: _, ...env } = process.env
    return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env,
      encoding: 'utf8',
    })
  }
  const files = () =>
    readdirSync(kept, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.whole'))
      .map(name => join(kept, name))
  return { program, kept, run, files }
}

t.test('what was compiled is kept once, and the program does the same with it', async t => {
  const { run, files } = setting(t)
  t.equal(run(), `42 ${PROGRAM.length} ü\n`)
  const [file = ''] = files()
  t.equal(statSync(file).mode & 0o777, 0o600)
  const { ino } = statSync(file)
  t.equal(run(), `42 ${PROGRAM.length} ü\n`)
  t.equal(files().length, 1)
  t.equal(statSync(file).ino, ino, 'it was good, and is not written again')
})

t.test('what is damaged, or of another program, is not used and made anew', async t => {
  const { program, run, files } = setting(t)
  run()
  const [file = ''] = files()
  const good = readFileSync(file)
  const flipped = Buffer.from(good)
  flipped[good.length >> 1]! ^= 1
  for (const bad of [flipped, good.subarray(0, good.length >> 1), good.subarray(0, 5), Buffer.alloc(0)]) {
    writeFileSync(file, bad)
    t.equal(run(), `42 ${PROGRAM.length} ü\n`)
    t.ok(readFileSync(file).length > good.length / 2)
    t.notOk(readFileSync(file).equals(bad))
  }
  // Of the same length, which is all that V8 looks at.
  writeFileSync(program, PROGRAM.replace('40, 2', '50, 2'))
  t.equal(run(), `52 ${PROGRAM.length} ü\n`)
  t.equal(run(), `52 ${PROGRAM.length} ü\n`)
  t.equal(files().length, 1)
})

t.test('where nothing can be kept it runs all the same', async t => {
  const { kept, run } = setting(t)
  writeFileSync(kept, 'in the way')
  chmodSync(kept, 0o400)
  t.equal(run(), `42 ${PROGRAM.length} ü\n`)
  t.equal(readFileSync(kept, 'utf8'), 'in the way')
})

t.test(
  'an empty NODE_COMPILE_CACHE is none, so nothing is taken from the folder of whoever runs it',
  async t => {
    const cwd = t.testdir({})
    const program = new RunningProgram('sessionctl', ['--version'], { cwd, env: { NODE_COMPILE_CACHE: '' } })
    t.match(await program.finished(), { code: 0 })
    t.strictSame(readdirSync(cwd), [])
  },
)
