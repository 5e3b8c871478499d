import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { endpointOf, readToken } from '../../src/client/endpoint.ts'

t.test('where the daemon is', async t => {
  t.match(endpointOf({}), {
    address: '/run/sessiond/sessiond.sock',
    socketPath: '/run/sessiond/sessiond.sock',
  })
  t.match(endpointOf({ socketPath: '/tmp/a b:c%.sock' }), { socketPath: '/tmp/a b:c%.sock' })
  t.match(endpointOf({ url: 'ws+unix:///run/x.sock' }), { socketPath: '/run/x.sock' })
  t.match(endpointOf({ url: 'ws+unix:/run/a%20b.sock' }), { socketPath: '/run/a b.sock' })
  t.match(endpointOf({ url: 'ws://127.0.0.1:7788', token: 'secret' }), {
    address: 'ws://127.0.0.1:7788/',
    url: 'ws://127.0.0.1:7788/',
    socketPath: undefined,
    token: 'secret',
  })
  t.match(endpointOf({ url: 'wss://calls.example.com/' }), { url: 'wss://calls.example.com/' })
})

t.test('what does not say where the daemon is', async t => {
  const wrong = [
    { url: 'ws://localhost', socketPath: '/x' },
    { url: 'http://localhost' },
    { url: 'ws://localhost/somewhere' },
    { url: 'ws://localhost/?token=x' },
    { url: 'ws://localhost/#x' },
    { url: 'ws+unix://' },
    { url: 'localhost:80' },
    { url: '' },
    { socketPath: '' },
    { socketPath: `/${'x'.repeat(107)}` },
    { token: 'a', tokenFile: 'b' },
    { token: 'with space' },
    { token: 'line\n' },
    { token: '' },
  ]
  for (const options of wrong) {
    t.throws(() => endpointOf(options), { code: 'invalid-options', hint: /./ }, JSON.stringify(options))
  }
})

t.test('a token file is read anew each time', async t => {
  const folder = t.testdir({ token: 'first\n' })
  const tokenFile = join(folder, 'token')
  const endpoint = endpointOf({ url: 'ws://localhost', tokenFile })
  t.equal(readToken(endpoint), 'first')
  writeFileSync(tokenFile, 'second')
  t.equal(readToken(endpoint), 'second')
  writeFileSync(tokenFile, 'not a token')
  t.throws(() => readToken(endpoint), { code: 'unauthenticated', retryable: true })
  const missing = endpointOf({ url: 'ws://localhost', tokenFile: join(folder, 'missing') })
  t.throws(() => readToken(missing), { code: 'unauthenticated', message: /cannot be read/, retryable: true })
})

t.test('a token that was given, or none', async t => {
  t.equal(readToken(endpointOf({ token: 'given' })), 'given')
  t.equal(readToken(endpointOf({})), undefined)
})
