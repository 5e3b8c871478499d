/**
 * A call process for the tests: connects to the daemon and says `ready`; at a line on its input asks for
 * sessions, says what it got as one line of JSON, and holds it until it is killed.
 *
 *   node test/daemon/holder.ts SOCKET CLIENT_ID NUMBER_OF_SESSIONS
 */
import { once } from 'node:events'
import { startTimeOf } from '../support/processes.ts'
import { RawClient } from '../support/raw-client.ts'

const [socket = '', clientId = '', wanted = '1'] = process.argv.slice(2)
const client = await RawClient.open({ path: socket })
await client.call('hello', {
  clientId,
  clientSecret: `secret-of-${clientId}`.padEnd(16, '.'),
  process: { pid: process.pid, startTime: startTimeOf(process.pid) },
})
process.stdout.write('ready\n')
await once(process.stdin, 'data')
const keys = Array.from({ length: Number(wanted) }, (_, index) => `${clientId}/${index}`)
// One frame each, all at once: the calls of the clients mix at the daemon.
client.send(...keys.map(key => client.request('session.acquire', { key })))
const results = []
for (const _ of keys) results.push((await client.next()).result)
process.stdout.write(`${JSON.stringify(results)}\n`)
await client.closed
