import t from 'tap'
import { RareLog } from '../src/rare-log.ts'

function newLog() {
  let now = 0
  const said: string[] = []
  const log = new RareLog(1000, () => now)
  return {
    said,
    pass: (ms: number) => {
      now += ms
    },
    say: (key: string) => log.say(key, heldBack => said.push(`${key} ${heldBack}`)),
  }
}

t.test('one line for each key in a while, with the number of those held back', async t => {
  const { said, pass, say } = newLog()
  say('a')
  say('a')
  say('b')
  pass(999)
  say('a')
  t.strictSame(said, ['a 0', 'b 0'])
  pass(1)
  say('a')
  say('a')
  pass(1000)
  say('b')
  say('a')
  t.strictSame(said, ['a 0', 'b 0', 'a 2', 'b 0', 'a 1'])
})

t.test('beyond a number of keys all others share one', async t => {
  const { said, pass, say } = newLog()
  for (let key = 0; key < 1000; key++) say(`key-${key}`)
  t.equal(said.length, 65)
  pass(1000)
  say('key-999')
  t.equal(said.at(-1), 'key-999 935')
  say('key-3')
  t.equal(said.at(-1), 'key-3 0', 'the known ones have their own')
})
