// Refusals come in the same words wherever they are read: on the wire, on the manual-activation page, and from sessionctl.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { apiPaths } from '../../src/licensing-api/schemas.ts'
import { exchange, formOf } from '../licensing-server/http/site.ts'
import { startCustomer } from './customer-site.ts'

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

/** What a person reads: no markup, and the commands without the marks that stand around them in plain text. */
function readable(page: string): string {
  const text = page.replace(/<[^>]+>/g, '').replace(/&([a-z]+|#39);/g, (_, name) => entities[name] ?? '')
  return plain(text)
}

function plain(text: string): string {
  return text.replaceAll('`', '').replace(/\s+/g, ' ')
}

t.test('one refusal, three ways to read it', async t => {
  const { vendor, url, site, ctl, keyFile } = await startCustomer(t)
  const calls = await vendor.pool(20)
  const studio = await vendor.pool(2, { product: 'studio' })

  /** Has one wish refused in each way; returns what the wire says. */
  const refuse = async (code: string, key: string, sessions: number) => {
    const wish = ['--sessions', String(sessions)]
    await ctl('activate', '--request-file', 'r.jws', '--anew', ...wish)
    const request = readFileSync(join(site.folder, 'r.jws'), 'utf8').trim()
    const wire = await exchange(url + apiPaths.activations, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ request, installationKey: key }),
    })
    t.equal(wire.body['code'], code)
    const [message, hint] = [String(wire.body['detail']), String(wire.body['hint'])]
    const page = readable(
      (await exchange(url, { method: 'POST', body: formOf({ request, installationKey: key }) })).text,
    )
    t.match(page, plain(message), `${code}: the page`)
    t.match(page, plain(hint), `${code}: the page says what to do`)
    const told = await ctl('activate', '--key-file', keyFile(key), ...wish)
    t.equal(told.stderr, `Refused: ${message} (${code})\nhint: ${hint}\n`, `${code}: sessionctl`)
    const json = JSON.parse((await ctl('activate', '--key-file', keyFile(key), ...wish, '--json')).stdout)
    t.match(json, { outcome: 'refused', code, message, hint, pool: wire.body['pool'] ?? null })
    t.strictSame(json.representative, wire.body['accountRepresentative'] ?? null)
    return { message, hint }
  }

  t.match(await refuse('pool-exhausted', calls.key, 21), {
    message: 'The pool of 20 sessions has 20 sessions left; 21 are needed.',
    hint: /^Ask for at most 20, or ask your account representative, Ada Lovelace \(ada@vendor\.example/,
  })
  await refuse('other-product', studio.key, 1)
  await refuse('installation-key-malformed', calls.key.replace(/^./, '9'), 1)

  t.match(await ctl('activate', '--key-file', keyFile(calls.key), '--sessions', '7'), { code: 0 })
  t.match(await refuse('pool-exhausted', calls.key, 21), {
    message: 'The pool of 20 sessions has 13 sessions left; 14 are needed.',
    hint: /^Ask for at most 20 in all, 7 of which this machine owns already, or ask your account rep/,
  })
  await refuse('lowering-refused', calls.key, 6)
  t.match(await ctl('reactivate', '--sessions', '20'), { code: 0 }, 'what the hint says is granted')
  t.match(await refuse('pool-exhausted', calls.key, 21), { message: /has none left; 1 more is needed/ })
})
