import t from 'tap'
import { blankRecord, RecordBook } from '../../../src/daemon/reactivation/record.ts'

function bookOf(text: string | null) {
  const kept = { text }
  const book = new RecordBook(
    {
      read: () => kept.text,
      change: (_name, change) => {
        kept.text = change(kept.text)
      },
    },
    'call-services',
  )
  return { book, kept }
}

t.test('what is changed is read again, and each change has its number', async t => {
  const { book } = bookOf(null)
  t.strictSame(book.read(), blankRecord)
  t.match(
    book.change(() => ({ succeededAt: 7 })),
    { version: 1, succeededAt: 7 },
  )
  t.match(
    book.change(({ succeededAt }) => ({ succeededAt: succeededAt! + 1 })),
    { version: 2, succeededAt: 8 },
  )
  t.match(book.read(), { version: 2, succeededAt: 8 })
})

t.test('a record that cannot be read is as good as none, and is written anew', async t => {
  for (const text of [
    '',
    '{',
    'null',
    '7',
    '[]',
    '{}',
    '{"version":"1","requests":[],"past":{}}',
    '{"version":1,"past":{}}',
  ]) {
    const { book, kept } = bookOf(text)
    t.strictSame(book.read(), blankRecord, text)
    book.change(() => ({ succeededAt: 7 }))
    t.match(JSON.parse(kept.text!), { version: 1, succeededAt: 7 })
  }
})

t.test('a trouble that is not of the text is told', async t => {
  const archive = {
    read: () => {
      throw new Error('the disk')
    },
    change: () => undefined,
  }
  t.throws(() => new RecordBook(archive, 'call-services').read(), /the disk/)
})
