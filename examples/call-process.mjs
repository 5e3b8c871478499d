// A call process that asks for a session for every call: calls come in at random, talk for a while and hang up.
//
//   node examples/call-process.mjs [SOCKET] [CALLS]
//
// Run it next to `npm start`, and look at `npx sessionctl status --watch` meanwhile.

import { setTimeout as delay } from 'node:timers/promises'
import { SessionClient } from 'sessiond'

const [socketPath = '.demo/run/sessiond.sock', calls = '30'] = process.argv.slice(2)

// One client for the whole process, for as long as it runs. It leaves by itself with this scope.
await using client = new SessionClient({ socketPath, application: 'ivr', clientId: `example-${process.pid}` })

client.on('connected', ({ limit, inUse, resumed }) =>
  console.log(`connected: ${inUse} of ${limit} sessions in use, ${resumed} of them resumed`),
)
client.on('disconnected', ({ fault }) => console.log(`disconnected, calls go on: ${fault.message}`))
client.on('limitChanged', ({ limit }) => console.log(`the limit is ${limit} now`))
client.on('sessionLost', ({ session, reason }) => console.log(`${session.key} is not counted: ${reason}`))

async function take(call) {
  const outcome = await client.acquire({ key: call })
  if (!outcome.granted) {
    console.log(`${call} busy tone: ${outcome.reason}`)
    return
  }
  // Given back when the call ends, however it ends.
  await using _session = outcome.session
  console.log(`${call} answered`)
  await delay(200 + 600 * Math.random())
  console.log(`${call} hung up`)
}

const going = []
for (let number = 1; number <= Number(calls); number++) {
  const call = `call-${process.pid}-${number}`
  // A fault is not the call's: here one would decide whether to take it without a session.
  going.push(take(call).catch(fault => console.log(`${call} no answer from sessiond: ${fault.code}`)))
  await delay(40 * Math.random())
}
await Promise.all(going)
