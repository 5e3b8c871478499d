import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startCustomer } from '../../cli/customer-site.ts'
import { startHere } from '../../support/daemon.ts'
import { openBrowser, phone, whyNoBrowser } from './browser.ts'

/** Sends a file of the machine on the page, and saves what is downloaded. Returns the heading of the result. */
async function carry(
  page: Page,
  from: { url: string; file: string; key?: string; sessions?: string },
  to: string,
): Promise<string> {
  await page.goto(from.url)
  await page.getByLabel('Choose the file').setInputFiles(from.file)
  await page.getByLabel('Installation key').fill(from.key ?? '')
  await page.getByLabel('Number of sessions').fill(from.sessions ?? '')
  await page.getByRole('button', { name: 'Get the license' }).click()
  const heading = (await page.getByRole('heading', { level: 1 }).textContent()) ?? ''
  const button = page.getByRole('button', { name: /^Download license-/ })
  if ((await button.count()) === 0) return heading
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()])
  await download.saveAs(to)
  return heading
}

t.test('by hand, from the request to the transfer', { skip: whyNoBrowser(), timeout: 110_000 }, async t => {
  const { vendor, url, site, ctl } = await startCustomer(t)
  const { key, poolId } = await vendor.pool(100)
  await startHere(t, site)
  const page = await (await openBrowser(t, { ...phone, javaScriptEnabled: false })).newPage()
  const [request, license] = [join(site.folder, 'request.jws'), join(site.folder, 'license-that-came.jws')]
  const makeRequest = () => ctl('activate', '--request-file', 'request.jws')
  const install = () => ctl('license', 'install', 'license-that-came.jws')

  t.equal((await makeRequest()).code, 0)
  t.equal(await carry(page, { url, file: request, key, sessions: '10' }, license), 'The license is ready')
  const installed = await install()
  t.equal(installed.code, 0, installed.stderr)
  t.match((await ctl('status')).stdout, /\b10\b/)
  t.equal(await vendor.claimed(poolId), 10)

  t.equal((await makeRequest()).code, 0)
  t.equal(await carry(page, { url, file: request, sessions: '15' }, license), 'The license is ready')
  t.equal((await install()).code, 0)
  t.match(JSON.parse((await ctl('license', 'show', '--json')).stdout), { limit: 15, generation: 2 })
  t.equal(await vendor.claimed(poolId), 15, 'only the difference was claimed')

  const [installation] = await vendor.store.installations({ poolId })
  const { text: transferKey } = await vendor.admin.startTransfer(installation?.installationId ?? '')
  t.equal((await makeRequest()).code, 0)
  t.equal(await carry(page, { url, file: request }, license), 'This machine is being deactivated')
  const deactivated = await install()
  t.match(deactivated.stderr + deactivated.stdout, /deactivated/)
  t.equal((await makeRequest()).code, 0)
  t.equal(await carry(page, { url, file: request }, license), 'The deactivation is confirmed')

  const other = await startCustomer(t)
  t.equal((await other.ctl('activate', '--request-file', 'request.jws')).code, 0)
  const otherRequest = join(other.site.folder, 'request.jws')
  const moved = join(other.site.folder, 'moved.jws')
  t.equal(await carry(page, { url, file: otherRequest, key: transferKey }, moved), 'The license is ready')
  t.match(await other.ctl('license', 'check', 'moved.jws'), { code: 0 })
  t.equal(await vendor.claimed(poolId), 15, 'the claim has moved')
})
