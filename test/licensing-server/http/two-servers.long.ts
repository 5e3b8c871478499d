import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Test } from 'tap'
import { apiPaths } from '../../../src/licensing-api/schemas.ts'
import { verifyLedger } from '../../../src/licensing-server/verify-ledger.ts'
import { RunningProgram } from '../../cli/programs.ts'
import { authorityFolder } from '../../support/site.ts'
import { onEachStore } from '../each-store.ts'
import { Machine, Vendor } from '../vendor.ts'
import { exchange, type Reply } from './site.ts'

/** `licensing-server run` as a process of its own. */
class ServerProgram {
  readonly #program: RunningProgram
  readonly url: Promise<string>

  constructor(t: Test, location: string) {
    this.#program = new RunningProgram('licensing-server', [
      'run',
      '--listen.port=0',
      '--operations.enabled=false',
      '--shutdown.drainMs=0',
      `--authority.directory=${authorityFolder}`,
      `--ledger.location=${location}`,
      ...['perAddress', 'perKey'].map(limit => `--limits.${limit}.burst=1000000`),
    ])
    t.teardown(() => this.kill())
    this.url = this.#listening()
  }

  async #listening(): Promise<string> {
    await this.#program.printed(/"message":"licensing-server listens"/)
    return /"url":"([^"]+)"/.exec(this.#program.stdout)?.[1] ?? ''
  }

  /** Threads in which it signs. */
  get signers(): number {
    const threads = `/proc/${this.#program.child.pid}/task`
    const names = readdirSync(threads).map(id => readFileSync(`${threads}/${id}/comm`, 'utf8').trim())
    return names.filter(name => name === 'libuv-worker').length
  }

  kill(): void {
    this.#program.signal('SIGKILL')
  }

  async stop(): Promise<number | null> {
    this.#program.signal('SIGTERM')
    return (await this.#program.finished()).code
  }
}

/** Sends bodies to servers in turns, as a load balancer does; where one is gone, the same body to the next. */
async function sendAll(
  servers: ServerProgram[],
  bodies: object[],
  onReply: (count: number) => void = () => {},
): Promise<Reply[]> {
  const urls = await Promise.all(servers.map(server => server.url))
  const replies: Reply[] = []
  let turn = 0
  const waiting = [...bodies.entries()]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, body] = next
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }
      let reply: Reply | null = null
      for (let attempt = 0; reply === null && attempt < 20; attempt++) {
        reply = await exchange(urls[turn++ % urls.length] + apiPaths.activations, init).catch(() => null)
      }
      if (reply === null) throw new Error('Nobody answers.')
      replies[index] = reply
      onReply(replies.filter(one => one !== undefined).length)
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return replies
}

onEachStore('two servers share one ledger, and the death of one loses nothing', async (t, ledger) => {
  const vendor = await Vendor.withCustomer(await ledger.open())
  const { poolId, key } = await vendor.pool(32)
  const bodies = await Promise.all(
    Array.from({ length: 40 }, async () => ({
      request: await new Machine().request({ sessions: 1 }),
      installationKey: key,
    })),
  )
  const [survivor, doomed] = [new ServerProgram(t, ledger.location), new ServerProgram(t, ledger.location)]
  await Promise.all([survivor.url, doomed.url])

  const replies = await sendAll([survivor, doomed], bodies, count => {
    if (count === 12) doomed.kill()
  })
  const licensed = replies.filter(({ status }) => status === 200)
  t.equal(licensed.length, 32)
  t.equal(survivor.signers, availableParallelism(), 'it signs on every core')
  const codes = replies.filter(({ status }) => status !== 200).map(({ body }) => body.code)
  t.strictSame(codes, Array(8).fill('pool-exhausted'))
  t.equal(new Set(licensed.map(({ body }) => body['installationId'])).size, 32)
  t.equal(await vendor.claimed(poolId), 32)

  const successor = new ServerProgram(t, ledger.location)
  const again = await sendAll([survivor, successor], bodies)
  for (const [index, reply] of replies.entries()) {
    if (reply.status !== 200) continue
    t.equal(again[index]?.body['license'], reply.body['license'], 'whichever server is asked')
    t.equal(again[index]?.body['repeated'], true)
  }
  t.equal(await vendor.claimed(poolId), 32)
  t.match(await verifyLedger(vendor.store), { ok: true, flaws: [] })
  t.strictSame([await survivor.stop(), await successor.stop()], [0, 0])
})
