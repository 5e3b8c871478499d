import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { acquireFrame, helloFrame, queryFrame, releaseFrame, resumeFrame } from '../../src/client/frames.ts'
import { isFailure, parseFrame } from '../../src/protocol/messages.ts'
import { scanRequest } from '../../src/protocol/scan.ts'
import { parameters } from '../property.ts'

const printable = (maxLength: number) =>
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)),
    minLength: 1,
    maxLength,
  })
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })

/** What the daemon understands: the request without the version of JSON-RPC. */
function understood(frame: string): object {
  const call = parseFrame(frame, 1)
  if (Array.isArray(call) || isFailure(call)) throw new Error(`not understood: ${frame}`)
  const { id, method, params } = call
  return { id, method, params }
}

t.test('every frame is what the daemon reads back, whatever is in keys and tokens', async () => {
  fc.assert(
    fc.property(id, printable(128), printable(512), (id, key, token) => {
      const acquire = { id, method: 'session.acquire', params: { key } }
      assert.deepEqual(understood(acquireFrame(id, key, undefined)), acquire)
      assert.deepEqual(understood(acquireFrame(id, key, 'ivr')), {
        ...acquire,
        params: { key, application: 'ivr' },
      })
      assert.deepEqual(understood(releaseFrame(id, token)), {
        id,
        method: 'session.release',
        params: { token },
      })
      assert.deepEqual(understood(resumeFrame(id, [token, key])), {
        id,
        method: 'session.resume',
        params: { tokens: [token, key] },
      })
    }),
    { ...parameters(200), examples: [[1, '"\\', '\\"']] },
  )
})

t.test('hello and queries', async t => {
  t.strictSame(understood(helloFrame(1, '{"clientId":"a"}')), {
    id: 1,
    method: 'hello',
    params: { clientId: 'a' },
  })
  t.strictSame(understood(queryFrame(2, 'status.get')), { id: 2, method: 'status.get', params: {} })
})

t.test('acquires and releases have the form that the daemon reads fastest', async t => {
  for (const frame of [
    acquireFrame(7, 'call-1@10.0.0.7', undefined),
    acquireFrame(7, 'call-1', 'ivr'),
    releaseFrame(8, 'c.pB0n3'),
  ]) {
    t.strictSame(scanRequest(frame), understood(frame))
  }
})
