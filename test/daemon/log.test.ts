import t from 'tap'
import { createLogger } from '../../src/daemon/log.ts'

function record() {
  const lines: Record<string, unknown>[] = []
  return { lines, destination: { write: (line: string) => void lines.push(JSON.parse(line)) } }
}

t.test('one line per event, time in ISO 8601, level as a word', async t => {
  const { lines, destination } = record()
  createLogger({ level: 'info', destination }).warn({ limit: 10 }, 'limit changed')
  t.match(lines, [{ level: 'warn', time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/, limit: 10, message: 'limit changed' }])
  t.strictSame(Object.keys(lines[0] ?? {}), ['level', 'time', 'limit', 'message'])
})

t.test('the level follows a reload', async t => {
  const { lines, destination } = record()
  const log = createLogger({ level: 'error', destination })
  log.info('not seen')
  log.level = 'debug'
  log.debug('seen')
  t.strictSame(
    lines.map(line => line['message']),
    ['seen'],
  )
})

t.test('secrets never reach it', async t => {
  const { lines, destination } = record()
  const log = createLogger({ level: 'info', destination })
  const secret = 'fd0c88c1'
  log.info(
    { token: secret, hello: { clientSecret: secret }, request: { headers: { authorization: secret } } },
    'a',
  )
  log.child({ secret }).info('b')
  t.equal(lines.length, 2)
  t.notMatch(JSON.stringify(lines), secret)
})

t.test('what others write moves no cursor and begins no line', async t => {
  const written: string[] = []
  const log = createLogger({
    level: 'info',
    destination: { write: (line: string) => void written.push(line) },
  })
  const hostile = 'a\n{"level":"info"}\r\u001b[2J\u009b2J\u007f\u202egnp\u2066\u2028z\u200f"\\'
  log.info({ label: hostile, [hostile]: 1 }, hostile)
  log.child({ hostile }).warn('b')
  t.equal(written.length, 2)
  for (const line of written) t.match(line, /^[\x20-\x7e]+\n$/)
  t.match(JSON.parse(written[0]!), { label: hostile, [hostile]: 1, message: hostile }, 'nothing is lost')
})

t.test('errors are told with their stack', async t => {
  const { lines, destination } = record()
  createLogger({ level: 'info', destination }).error({ error: new RangeError('too far') }, 'c')
  t.match(lines, [{ error: { type: 'RangeError', message: 'too far', stack: /log\.test\.ts/ } }])
})
