import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { startSite } from './site.ts'

/** Makes a self-signed certificate for 127.0.0.1. */
function makeCertificate(folder: string, name: string): { certFile: string; keyFile: string } {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3'],
      ...[
        '-subj',
        `/CN=${name}`,
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-out',
        certFile,
        '-keyout',
        keyFile,
      ],
    ],
    { stdio: 'pipe' },
  )
  return { certFile, keyFile }
}

/** Asks over a connection of its own, believing one certificate. */
async function ask(
  url: string,
  certFile: string,
): Promise<{ status: number; headers: Record<string, unknown> }> {
  const request = get(url, { ca: readFileSync(certFile), agent: false })
  const [response] = await once(request, 'response')
  response.resume()
  await once(response, 'end')
  return { status: response.statusCode, headers: response.headers }
}

t.test('TLS by certificate files, which are read again without dropping a connection', async t => {
  const folder = t.testdir({})
  const tls = makeCertificate(folder, 'first')
  const site = await startSite(t, { listen: { tls } })
  t.match(site.url, /^https:/)
  const answer = await ask(`${site.url}/v1/revocation-lists`, tls.certFile)
  t.equal(answer.status, 200)
  t.match(answer.headers['strict-transport-security'], /^max-age=\d{7,}$/)

  const { port } = new URL(site.url)
  const open = connect({ host: '127.0.0.1', port: Number(port), ca: readFileSync(tls.certFile) })
  t.teardown(() => open.destroy())
  await once(open, 'secureConnect')

  const next = makeCertificate(folder, 'next')
  const old = readFileSync(tls.certFile)
  writeFileSync(tls.certFile, readFileSync(next.certFile))
  writeFileSync(tls.keyFile, readFileSync(next.keyFile))
  await site.server.reload(site.config)
  t.equal((await ask(`${site.url}/`, next.certFile)).status, 200)
  open.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
  const [reply] = await once(open, 'data')
  t.match(String(reply), /^HTTP\/1\.1 200/, 'the connection of before goes on')

  writeFileSync(tls.certFile, old)
  await t.rejects(site.server.reload(site.config), { code: 'tls-not-usable' })
  t.equal((await ask(`${site.url}/`, next.certFile)).status, 200, 'what cannot be used changes nothing')
})

t.test('old versions of TLS, and plain HTTP, get nothing', async t => {
  const tls = makeCertificate(t.testdir({}), 'only')
  const site = await startSite(t, { listen: { tls } })
  const port = Number(new URL(site.url).port)
  const old: TLSSocket = connect({
    ...{ host: '127.0.0.1', port, ca: readFileSync(tls.certFile) },
    ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
  })
  const [error] = await once(old, 'error')
  t.match(error.message, /protocol version|unsupported protocol|alert/)
  await t.rejects(fetch(`http://127.0.0.1:${port}/`))
})

t.test('a certificate that cannot be used stops the start', async t => {
  const folder = t.testdir({ 'no.pem': 'nothing', 'no.key': 'nothing' })
  const nothing = { certFile: join(folder, 'no.pem'), keyFile: join(folder, 'no.key') }
  await t.rejects(startSite(t, { listen: { tls: nothing } }), { code: 'tls-not-usable' })
  const missing = { certFile: join(folder, 'missing'), keyFile: join(folder, 'no.key') }
  await t.rejects(startSite(t, { listen: { tls: missing } }), { code: 'tls-not-usable', message: /ENOENT/ })
})
