import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { whyNoBrowser } from '../licensing-server/http/browser.ts'
import { startSite } from '../licensing-server/http/site.ts'
import { type DaemonHere, startHere } from '../support/daemon.ts'
import { Site } from '../support/site.ts'

const TOKEN = 'the-access-token-of-the-tests'
/** A name that the attacker's name server points at this machine, once the page is there. */
const REBOUND = 'rebound.example'
const timeout = 110_000

/** The web site of somebody else, on this machine for want of another one. Returns its port. */
async function startForeignSite(t: Test): Promise<number> {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html')
    const target = new URL(request.url ?? '/', 'http://a').searchParams.get('post')
    const form = `<form method="post" enctype="multipart/form-data" action="${target}"><input name="request" value="a"><button>Win</button></form>`
    response.end(`<!doctype html><title>foreign</title>${target === null ? '' : form}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  t.teardown(() => server.closeAllConnections())
  return (server.address() as AddressInfo).port
}

async function openPage(t: Test): Promise<Page> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`],
  })
  t.teardown(() => browser.close())
  return browser.newPage()
}

/** What a script of the page gets that opens a WebSocket and asks for a session: the reply, or `refused`. */
function tryWebSocket(page: Page, url: string, protocols: string[]): Promise<string> {
  const script = `new Promise(resolve => {
    const socket = new WebSocket(${JSON.stringify(url)}, ${JSON.stringify(protocols)})
    socket.onerror = () => resolve('refused')
    socket.onmessage = ({ data }) => resolve(data)
    socket.onopen = () => socket.send('{"jsonrpc":"2.0","id":1,"method":"session.acquire","params":{"key":"of-a-page"}}')
  })`
  return page.evaluate(script) as Promise<string>
}

async function startDaemon(t: Test, foreignPort: number): Promise<DaemonHere & { port: number }> {
  const site = new Site(t)
  site.config.listen.tcp.enabled = true
  site.config.listen.allowedOrigins = [`http://localhost:${foreignPort}`]
  site.config.operations.enabled = true
  writeFileSync(site.config.listen.tcp.tokenFile, TOKEN, { mode: 0o600 })
  await site.license()
  const here = await startHere(t, site)
  return { ...here, port: here.daemon.addresses.tcp!.port }
}

t.test(
  'a page reaches the daemon from an origin that is allowed, and from no other',
  { skip: whyNoBrowser(), timeout },
  async t => {
    const foreign = await startForeignSite(t)
    const { port, client, log } = await startDaemon(t, foreign)
    const page = await openPage(t)
    const withToken = ['sessiond.v1', `sessiond.token.${TOKEN}`]
    const targets = [`ws://127.0.0.1:${port}/`, `ws://localhost:${port}/`, `ws://${REBOUND}:${port}/`]
    for (const origin of [`http://127.0.0.1:${foreign}`, `http://${REBOUND}:${foreign}`]) {
      await page.goto(`${origin}/`)
      for (const target of targets) {
        // Even with the token: that a page knows it does not make it a call process.
        t.equal(await tryWebSocket(page, target, withToken), 'refused', `${origin} to ${target}`)
        t.equal(await tryWebSocket(page, target, ['sessiond.v1']), 'refused')
      }
    }
    await page.goto('data:text/html,<title>no origin</title>')
    t.equal(await tryWebSocket(page, targets[0]!, withToken), 'refused', 'the origin "null"')
    const status = async () => (await client()).call('status.get')
    t.match(await status(), { inUse: 0, granted: 0 })
    t.ok(log.some(({ code }) => code === 'origin-refused'))

    await page.goto(`http://localhost:${foreign}/`)
    t.match(
      await tryWebSocket(page, targets[0]!, withToken),
      '"granted":true',
      'the same page, where it is allowed',
    )
    t.equal(await tryWebSocket(page, targets[2]!, withToken), 'refused', 'but not under a rebound name')
    t.match(await status(), { granted: 1 })
  },
)

t.test('a page reads nothing of metrics and probes', { skip: whyNoBrowser(), timeout }, async t => {
  const foreign = await startForeignSite(t)
  const { daemon } = await startDaemon(t, foreign)
  const operations = daemon.addresses.operations?.port
  t.ok(operations)
  const page = await openPage(t)
  await page.goto(`http://127.0.0.1:${foreign}/`)
  for (const path of ['metrics', 'readyz']) {
    const url = `http://127.0.0.1:${operations}/${path}`
    const got = await page.evaluate(`fetch(${JSON.stringify(url)}).then(r => r.text(), () => 'refused')`)
    t.equal(got, 'refused', path)
  }
  // Rebound: page and metrics are of one origin then, and the browser has no objection.
  const answer = await page.goto(`http://${REBOUND}:${operations}/metrics`)
  t.equal(answer?.status(), 403)
  t.notMatch(await page.content(), 'sessiond_sessions')
})

t.test(
  'another web site cannot send the form of the activation page',
  { skip: whyNoBrowser(), timeout },
  async t => {
    const foreign = await startForeignSite(t)
    const site = await startSite(t)
    const page = await openPage(t)
    await page.goto(`http://${REBOUND}:${foreign}/?post=${encodeURIComponent(`${site.url}/`)}`)
    const [answer] = await Promise.all([
      page.waitForResponse(
        response => response.url().startsWith(site.url) && response.request().method() === 'POST',
      ),
      page.getByRole('button', { name: 'Win' }).click(),
    ])
    t.equal(answer.status(), 403)
    await page.waitForLoadState()
    t.match(await page.content(), 'Another web site sent this form.')

    // Nor can it be shown inside of another page, where a click would be stolen.
    await page.goto(`http://127.0.0.1:${foreign}/`)
    const shown = await page.evaluate(`new Promise(resolve => {
    const frame = document.createElement('iframe')
    frame.src = ${JSON.stringify(site.url)}
    frame.onload = () => resolve(frame.contentDocument === null ? 'foreign' : frame.contentDocument.title)
    document.body.append(frame)
  })`)
    t.ok(shown)
    const framed = page.frames().find(frame => frame !== page.mainFrame())
    t.equal(
      await framed!.getByRole('button', { name: 'Get the license' }).count(),
      0,
      'no button to be clicked',
    )
  },
)
