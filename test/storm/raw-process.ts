/**
 * A call process of the storm that speaks to the daemon in frames of its own, and keeps a ledger:
 *
 *   node test/storm/raw-process.ts SOCKET CLIENT_ID LEDGER HOLD named|unnamed
 *
 * It is told `go` (connect, take back what is held, then call without a pause until the connection ends; it says
 * `ended`) or `pause` (finish what is in flight; it says `quiet`).
 */
import { createInterface } from 'node:readline'
import { Ledger } from './ledger.ts'
import { RawCaller } from './raw-caller.ts'

const [socket = '', clientId = '', ledger = '', hold = '', named = ''] = process.argv.slice(2)
const caller = new RawCaller({
  socket,
  clientId,
  ledger: new Ledger(ledger),
  hold: Number(hold),
  isNamed: named === 'named',
})
const say = (line: string) => process.stdout.write(`${line}\n`)

say('ready')
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'pause') caller.pause(() => say('quiet'))
  else if (caller.connected) caller.goOn()
  else void caller.work().then(() => say('ended'))
}
