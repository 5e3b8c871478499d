import pg from 'pg'
import t from 'tap'
import { bigintArray, textArray } from '../../src/licensing-server/store/postgres-arrays.ts'
import { TestPostgres, whyNoPostgres } from '../support/postgres.ts'

const skip = whyNoPostgres()

t.test('PostgreSQL reads what it is sent', { skip }, async t => {
  const server = await TestPostgres.start()
  t.teardown(() => server.stop())
  const client = new pg.Client({ connectionString: await server.createDatabase() })
  await client.connect()
  t.teardown(() => client.end())

  const read = async (texts: (string | null)[], numbers: number[]) => {
    const { rows } = await client.query<{ of: string; json: string }>(
      `select 'texts' as of, to_json($1::text[])::text as json
       union all select 'numbers', to_json($2::bigint[])::text`,
      [textArray(texts), bigintArray(numbers)],
    )
    return Object.fromEntries(rows.map(({ of, json }) => [of, JSON.parse(json) as unknown]))
  }

  const texts = [
    '',
    'a',
    null,
    '{"json": "of, quotes\\\\"}',
    'NULL',
    'Zürich 東京 🚂',
    'x'.repeat(100_000),
    ' \n\t',
  ]
  const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  t.strictSame(await read(texts, numbers), { texts, numbers })
  t.strictSame(await read([null], [7]), { texts: [null], numbers: [7] })
  t.strictSame(await read([], []), { texts: [], numbers: [] })
  const half = await read(['a', '\ud800b', 'c'], [1])
  t.strictSame(half['texts'], ['a', '\ufffdb', 'c'], 'half of a surrogate pair harms no neighbour')
  t.throws(() => bigintArray([0.5]), RangeError)
})
