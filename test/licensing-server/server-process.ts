/**
 * One licensing server without HTTP, as a process of its own:
 *
 *   node server-process.ts LEDGER [ANSWERS]
 *
 * Reads lines of JSON `{ request, installationKey? }` on stdin, answers all of them at once, and writes each answer
 * as a line `{ index, answer }` on stdout as soon as it has it. Ends when stdin does; or dies of SIGKILL once it has
 * given ANSWERS answers, with the others under way.
 */
import { createInterface } from 'node:readline'
import type { SubmitOptions } from '../../src/licensing-server/service.ts'
import { openLedger } from '../../src/licensing-server/store/open.ts'
import { Vendor } from './vendor.ts'

const store = await openLedger(process.argv[2]!)
const vendor = new Vendor(store)
const dieAfter = Number(process.argv[3] ?? Number.POSITIVE_INFINITY)
const work: Promise<void>[] = []
let given = 0
for await (const line of createInterface({ input: process.stdin })) {
  const { request, ...options } = JSON.parse(line) as SubmitOptions & { request: string }
  const index = work.length
  work.push(
    vendor.service.submit(request, options).then(answer => {
      process.stdout.write(`${JSON.stringify({ index, answer })}\n`, () => {
        given += 1
        if (given >= dieAfter) process.kill(process.pid, 'SIGKILL')
      })
    }),
  )
}
await Promise.all(work)
await store.close()
