import t from 'tap'
import { commandsOf, fencesOf, patternOf } from './console-blocks.ts'

t.test('blocks, commands and what they print', async t => {
  const text =
    'Text\n```console background\n$ npm start\n…\nready\n```\n```js a.mjs\n1\n```\n```console\n$ a\nx\n\n$ b\n```\n'
  const [first, second, third] = fencesOf(text)
  t.match(first, { words: ['console', 'background'], line: 2 })
  t.match(second, { words: ['js', 'a.mjs'], lines: ['1'] })
  t.strictSame(third && commandsOf(third), [
    { command: 'a', expected: ['x', ''] },
    { command: 'b', expected: [] },
  ])
  t.throws(() => fencesOf('```sh\nls\n'), { message: 'The block that begins at line 1 has no end.' })
})

t.test('what is shown and what is printed', async t => {
  const shown = patternOf(['a (1.0)', '…', 'z-… end'])
  t.match('a (1.0)\nb\nc\nz-17 end\n', shown)
  t.match('a (1.0)\nz- end\n', shown)
  t.notMatch('a (1.0)\nb\nz-17\n', shown)
  t.notMatch('a (1x0)\nz-17 end\n', shown)
  t.notMatch('a (1.0)\nz-17 end\nmore\n', shown)
  t.match('', patternOf([]))
  t.notMatch('x\n', patternOf([]))
})
