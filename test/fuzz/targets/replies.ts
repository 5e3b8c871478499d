import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { connectLicensingServer } from '../../../src/daemon/reactivation/licensing-server.ts'
import { nothing, World, wanting } from '../../daemon/reactivation/rig.ts'
import { publishRevocationList } from '../../licensing-server/http/site.ts'
import type { TearDown } from '../../support/site.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson, spellJson } from '../mutate-json.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'

/** What a licensing server answers to a reactivation, down to the bytes of HTTP. An input is one answer. */
export const replies: Target = {
  name: 'replies',
  kind: 'documents',
  async open(t) {
    const world = await World.create(t)
    await publishRevocationList(world.site)
    const { key } = await world.site.vendor.pool(100)
    const machine = await world.open()
    ensure(
      (await machine.exchange.activate(machine.server, key, wanting(40))).kind === 'refreshed',
      'No license.',
    )
    const { keeper, exchange, site } = machine
    const file = site.config.license.file
    const [license, text] = [keeper.license, readFileSync(file, 'utf8')]
    const [body] = world.front.seen
    const answer = await world.site.post('/v1/activations', body!.body)
    const front = await answering(t)
    const settings = { url: front.url, caFile: null, timeoutMs: 3000, environment: {} }
    const server = connectLicensingServer(() => settings)
    return {
      make: random => make(random, answer.body),
      async judge(input) {
        front.answer = input
        const { kind } = await exchange.reactivate(server, nothing)
        ensure(
          keeper.license === license || keeper.license?.licenseId === license?.licenseId,
          'Another license is in force.',
        )
        ensure(keeper.lifecycle.state === 'active', `The license is ${keeper.lifecycle.state}.`)
        ensure(readFileSync(file, 'utf8') === text, 'The license file is another.')
        return kind
      },
    }
  },
}

function make(random: Random, good: object): Buffer {
  const body = spellJson(mutateJson(withDamage(good, random), random), random)
  const type = random.chance(90)
    ? 'application/json'
    : random.pick(['application/problem+json', 'text/html', ''])
  const status = random.chance(80)
    ? '200 OK'
    : random.pick(['204 No', '302 Found', '403 No', '429 No', '500 No', '999 x', '100 x'])
  const length = random.chance(90) ? Buffer.byteLength(body) : random.pick([0, 1, 1e9])
  const head = `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nRetry-After: 5\r\n`
  const bytes = Buffer.from(`${head}Connection: close\r\n\r\n${body}`)
  return random.chance(30) ? mutateBytes(bytes, random) : bytes
}

function withDamage(good: object, random: Random): object {
  const { license = '', ...rest } = good as { license?: string }
  return {
    license: random.chance(60) ? mutateBytes(Buffer.from(license), random, 1).toString('latin1') : license,
    ...rest,
  }
}

/** Answers whatever is asked with the bytes that it is given, and hangs up. */
async function answering(t: TearDown): Promise<{ url: string; answer: Buffer }> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.once('data', () => socket.end(front.answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const front = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answer: Buffer.alloc(0) }
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return front
}
