import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { acquireFrame, helloFrame, queryFrame, releaseFrame, resumeFrame } from '../../src/client/frames.ts'
import { parseFrame } from '../../src/protocol/messages.ts'

const printable = (maxLength: number) =>
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)),
    minLength: 1,
    maxLength,
  })
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })

t.test('every frame is what the daemon reads back, whatever is in keys and tokens', async () => {
  fc.assert(
    fc.property(id, printable(128), printable(512), (id, key, token) => {
      assert.deepEqual(parseFrame(acquireFrame(id, key, undefined), 1), {
        jsonrpc: '2.0',
        id,
        method: 'session.acquire',
        params: { key },
      })
      assert.deepEqual(parseFrame(acquireFrame(id, key, 'ivr'), 1), {
        jsonrpc: '2.0',
        id,
        method: 'session.acquire',
        params: { key, application: 'ivr' },
      })
      assert.deepEqual(parseFrame(releaseFrame(id, token), 1), {
        jsonrpc: '2.0',
        id,
        method: 'session.release',
        params: { token },
      })
      assert.deepEqual(parseFrame(resumeFrame(id, [token, key]), 1), {
        jsonrpc: '2.0',
        id,
        method: 'session.resume',
        params: { tokens: [token, key] },
      })
    }),
    { numRuns: 200, examples: [[1, '"\\', '\\"']] },
  )
})

t.test('hello and queries', async t => {
  t.match(parseFrame(helloFrame(1, '{"clientId":"a"}'), 1), {
    id: 1,
    method: 'hello',
    params: { clientId: 'a' },
  })
  t.match(parseFrame(queryFrame(2, 'status.get'), 1), { id: 2, method: 'status.get', params: {} })
})
