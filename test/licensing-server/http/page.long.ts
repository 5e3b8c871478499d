import t from 'tap'
import { until } from '../../support/until.ts'
import { Machine } from '../vendor.ts'
import { RawConnection } from './raw.ts'
import { exchange, formOf, mark, publishRevocationList, type Reply, type Site, startSite } from './site.ts'

function send(
  site: Site,
  fields: Record<string, string>,
  file?: string | Uint8Array<ArrayBuffer>,
): Promise<Reply> {
  const upload = file === undefined ? undefined : { name: 'request.jws', text: file }
  return exchange(site.url, { method: 'POST', body: formOf(fields, upload) })
}

/** The license that a result page holds, ready for its download. */
function licenseIn(page: string): string {
  const license = /name="license" value="([^"]+)"/.exec(page)?.[1]
  if (license === undefined) throw new Error(page)
  return license
}

t.test('the page is plain and strict', async t => {
  const site = await startSite(t)
  const { status, text, headers } = await site.get('/')
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'text/html; charset=utf-8')
  t.equal(
    headers.get('content-security-policy'),
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  )
  t.equal(headers.get('x-content-type-options'), 'nosniff')
  t.equal(headers.get('referrer-policy'), 'no-referrer')
  t.equal(headers.get('set-cookie'), null)
  t.equal(headers.get('access-control-allow-origin'), null)
  t.notMatch(text, /<script|<style|\sstyle="|javascript:|\son\w+="/i)
  t.match(text, '<html lang="en">')
  const addresses = [...text.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, address]) => address)
  t.ok(addresses.length >= 3)
  for (const address of addresses) t.match(address, /^[/#]/, 'nothing comes from elsewhere')
  const style = await site.get(/href="(\/style\.css[^"]*)"/.exec(text)?.[1] ?? '')
  t.equal(style.headers.get('content-type'), 'text/css; charset=utf-8')
  t.match(style.headers.get('cache-control'), /max-age/)
  t.notMatch(style.text, /url\(|@import/)
  t.notMatch(site.server.url, /^https/)
  t.equal(headers.get('strict-transport-security'), null, 'which would be a lie over plain HTTP')
})

t.test('a request by file or as text brings the same license, which can be had as a file', async t => {
  const site = await startSite(t)
  const { key, poolId } = await site.vendor.pool(10)
  const machine = new Machine()
  const request = await machine.request()
  const fields = { installationKey: key, sessions: '4' }
  const page = await send(site, fields, `\r\n${request}\n`)
  t.equal(page.status, 200, page.text)
  t.match(page.text, /<h1>The license is ready<\/h1>/)
  t.match(page.text, /<dd>4 sessions<\/dd>/)
  const license = licenseIn(page.text)
  const again = await send(site, { ...fields, request })
  t.equal(licenseIn(again.text), license)
  t.match(again.text, 'it is the same license again, and nothing was claimed twice')
  t.equal(await site.vendor.claimed(poolId), 4)

  const file = await exchange(`${site.url}/license-file`, { method: 'POST', body: formOf({ license }) })
  t.equal(file.status, 200)
  t.equal(file.text, `${license}\n`)
  t.match(file.headers.get('content-disposition'), /^attachment; filename="license-[0-9a-f]{8}-1\.jws"$/)
  t.equal(file.headers.get('content-type'), 'application/jose')
  t.equal(file.headers.get('cache-control'), 'no-store')
})

t.test('any server of the vendor hands the file out, and nobody hands out anything else', async t => {
  const [one, other] = [await startSite(t), await startSite(t)]
  const { key } = await one.vendor.pool(10)
  const page = await send(one, { installationKey: key, sessions: '1' }, await new Machine().request())
  const license = licenseIn(page.text)
  const download = (text: string) =>
    exchange(`${other.url}/license-file`, { method: 'POST', body: formOf({ license: text }) })
  t.equal((await download(license)).status, 200)
  const [head, payload, signature] = license.split('.')
  const changed = Buffer.from(
    Buffer.from(payload ?? '', 'base64url')
      .toString()
      .replace('"maxSessions":1', '"maxSessions":9'),
  )
  const request = await new Machine().request()
  for (const text of [
    '',
    'MZ\x90 a program',
    `${head}.${changed.toString('base64url')}.${signature}`,
    request,
  ]) {
    const refused = await download(text)
    t.equal(refused.status, 422, text.slice(0, 20))
    t.equal(refused.headers.get('content-disposition'), null)
    t.match(refused.headers.get('content-type'), /^text\/html/)
  }
})

t.test('revocation lists can be had as files', async t => {
  const site = await startSite(t)
  const list = await publishRevocationList(site)
  const { key } = await site.vendor.pool(10)
  const page = await send(site, { installationKey: key, sessions: '1' }, await new Machine().request())
  t.match(
    page.text.replace(/<[^>]+>/g, ''),
    'sessionctl license revocations revoked.jws',
    'and it says how the machine is given one',
  )
  const path = /href="(\/revocation-lists\/1)"/.exec(page.text)?.[1] ?? ''
  const file = await site.get(path)
  t.equal(file.text, `${list}\n`)
  t.equal(file.headers.get('content-disposition'), 'attachment; filename="revoked.jws"')
  for (const index of ['0', '2', '-1', 'x', '1.5', 'constructor']) {
    t.equal((await site.get(`/revocation-lists/${index}`)).status, 404, index)
  }
})

t.test(
  'a form that says too little is sent back with all that is wrong, and with what was typed',
  async t => {
    const site = await startSite(t)
    const page = await send(site, { installationKey: 'ABC', sessions: 'ten' })
    t.equal(page.status, 422)
    t.match(page.text, /<title>Error: /)
    t.match(page.text, /role="alert" tabindex="-1" autofocus/)
    t.match(
      page.text,
      /<a href="#request-file">Choose the request file of the machine, or paste its text\.<\/a>/,
    )
    t.match(
      page.text,
      /<a href="#sessions">Write the number of sessions as a whole number from 1 to 1,000,000/,
    )
    t.match(page.text, /aria-describedby="sessions-error sessions-hint" aria-invalid="true"/)
    t.match(page.text, /value="ABC"/)
    t.match(page.text, /value="ten"/)
    for (const sessions of ['0', '-1', '1.5', '1e3', '1000001', '99999999', '１０']) {
      t.equal((await send(site, { request: 'a', sessions })).status, 422, sessions)
    }
  },
)

t.test('refusals say what to do, at the field that can be mended', async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(10)
  const request = await new Machine().request()
  const exhausted = await send(site, { request, installationKey: key, sessions: '11' })
  t.equal(exhausted.status, 409)
  t.match(
    exhausted.text,
    /<a href="#sessions">The pool of 10 sessions has 10 sessions left; 11 are needed\.<\/a>/,
  )
  t.match(exhausted.text, 'Ask for at most 10')
  t.match(exhausted.text, '<a href="mailto:ada@vendor.example">ada@vendor.example</a>')
  t.match(exhausted.text, '<a href="tel:+442079460000">+44 20 7946 0000</a>')
  t.match(exhausted.text, /pool-exhausted, request [0-9a-f-]{36}/)
  t.match(exhausted.text, request.slice(0, 60), 'the request need not be sent again')
  t.match(exhausted.text, key)

  const required = await send(site, { request, sessions: '1' })
  t.equal(required.status, 403)
  t.match(required.text, '<a href="#installation-key">')
  t.match(required.text, '<code>sessionctl activate --key-file FILE</code>', 'commands are set apart')
  t.match((await send(site, { request: 'x.y.z' })).text, /<a href="#request-file">This is not a request file/)
  const tooLarge = await send(site, {}, 'a'.repeat(20_000))
  t.equal(tooLarge.status, 413)
  t.match(tooLarge.text, '<a href="#request-file">')
  const bytes = await send(site, {}, new Uint8Array([0, 255, 1, 254, 60, 98, 62]))
  t.match(bytes, { status: 422, text: /This is not a request file/ })
})

t.test('what others write is text, wherever it appears', async t => {
  const site = await startSite(t)
  const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'</textarea></title>{{7*7}}\${7}`
  const everywhere = await send(site, { request: hostile, installationKey: hostile, sessions: hostile })
  t.equal(everywhere.status, 422)
  const refused = await send(site, { request: hostile, installationKey: hostile })
  const { key } = await site.vendor.pool(10)
  await site.vendor.admin.changeCustomer('acme', {
    name: 'Acme <script>alert(2)</script>',
    representative: {
      name: '<img src=x onerror=alert(3)>',
      email: 'a"onclick=alert(4)@x.example',
      phone: '<b>1</b>',
    },
  })
  const byName = await send(site, { installationKey: key, sessions: '99' }, await new Machine().request())
  const issued = await send(site, { installationKey: key, sessions: '1' }, await new Machine().request())
  t.equal(issued.status, 200)
  t.match(issued.text, 'Acme &lt;script&gt;alert(2)&lt;/script&gt;')
  t.match(byName.text, '&lt;img src=x onerror=alert(3)&gt;')
  const missing = await site.get(`/${encodeURIComponent(hostile)}`, { accept: 'text/html' })
  for (const page of [everywhere, refused, byName, issued, missing]) {
    t.notMatch(page.text, /<script|<img|<b>|<\/textarea>.*<\/textarea>.*<\/textarea>/s)
    t.notMatch(page.text.replace(/"[^"]*"/g, ''), /<[^>]*\son\w+=/, 'nothing leaves its quotes')
  }
})

t.test('the form of another web site is not taken', async t => {
  const site = await startSite(t)
  for (const from of ['cross-site', 'same-site']) {
    const refused = await exchange(site.url, {
      method: 'POST',
      headers: { 'sec-fetch-site': from },
      body: formOf({ request: 'a' }),
    })
    t.equal(refused.status, 403, from)
    t.match(refused.text, 'Another web site sent this form.')
  }
  const { host } = new URL(site.url)
  const statusFrom = async (origin: string) => {
    const body = formOf({ request: 'a' })
    return (await exchange(site.url, { method: 'POST', headers: { origin }, body })).status
  }
  for (const origin of ['https://evil.example', 'null', `https://${host}.evil.example`, `ftp://${host}`]) {
    t.equal(await statusFrom(origin), 403, `an older browser, from ${origin}`)
  }
  t.not(await statusFrom(`http://${host}`), 403, 'its own form is read')
})

t.test('a form has its bounds', async t => {
  const site = await startSite(t)
  const huge = await send(site, { request: 'a'.repeat(70_000) })
  t.equal(huge.status, 413)
  t.match(huge.headers.get('content-type'), /^text\/html/)
  const chunked = await RawConnection.open(site.url)
  chunked.send(
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  await until('it is answered', () => chunked.status === 411)
  chunked.socket.destroy()
  const many = new FormData()
  for (let n = 0; n < 50; n++) many.set(`field${n}`, 'x')
  t.equal((await exchange(site.url, { method: 'POST', body: many })).status, 413)
  const files = new FormData()
  for (let n = 0; n < 3; n++) files.append('requestFile', new File(['a'], 'a'))
  t.equal((await exchange(site.url, { method: 'POST', body: files })).status, 413)
  const wrong = await exchange(site.url, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'a',
  })
  t.equal(wrong.status, 415)
  const json = await site.post('/', { request: 'a' })
  t.equal(json.status, 415)
  const broken = await exchange(site.url, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: '--b\r\nContent-Disposition: form-data; name="request"\r\n\r\nhalf',
  })
  t.equal(broken.status, 400)
  const bare = await exchange(site.url, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data' },
    body: 'x',
  })
  t.ok(bare.status >= 400 && bare.status < 500, String(bare.status))
  t.equal((await site.get('/')).status, 200)
})

t.test('people are told in a page what is not there, programs in JSON', async t => {
  const site = await startSite(t)
  const person = await site.get('/licence', { accept: 'text/html,application/xhtml+xml' })
  t.equal(person.status, 404)
  t.match(person.text, /<h2 id="trouble">There is nothing at this address\.<\/h2>/)
  t.match(person.text, 'The form to activate a machine is below.')
  t.notMatch(person.text, 'openapi')
  t.equal((await site.get('/licence', { accept: '*/*' })).body.code, 'not-found')
  const off = await startSite(t, { page: { enabled: false } })
  t.equal((await off.get('/', { accept: 'text/html' })).body.code, 'not-found')
  t.equal((await off.get('/v1/revocation-lists')).status, 200)
})

t.test('nothing secret reaches the log, on any way in', async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(10)
  const marks = { request: mark(), key: mark(), sessions: mark(), field: mark(), path: mark() }
  const request = await new Machine().request({ sessions: 1 })
  const page = await send(site, { installationKey: key, sessions: '1' }, request)
  const license = licenseIn(page.text)
  await exchange(`${site.url}/license-file`, { method: 'POST', body: formOf({ license }) })
  await send(site, { request: marks.request, installationKey: marks.key, sessions: marks.sessions })
  await send(site, { request: marks.request, installationKey: marks.key, [marks.field]: 'x' })
  await site.post('/v1/activations', { request: marks.request, installationKey: marks.key })
  await site.post('/v1/activations', { request, installationKey: key }, { authorization: marks.key })
  await site.post('/v1/activations', `{"installationKey":"${marks.key}`)
  await site.get(`/?${marks.path}`)
  const log = site.log.join('')
  t.ok(log.split('\n').length > 8)
  for (const secret of [...Object.values(marks), key, key.replaceAll('-', ''), request, license]) {
    t.notOk(log.includes(secret), secret.slice(0, 40))
  }
  for (const part of [...request.split('.'), ...license.split('.')]) t.notOk(log.includes(part))
})
