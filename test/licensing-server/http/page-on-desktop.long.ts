import t from 'tap'
import { Machine } from '../vendor.ts'
import { desktop, openBrowser, whyNoBrowser } from './browser.ts'
import { startSite } from './site.ts'
import { fill, looksGood, visitEverything } from './visit.ts'

const skip = whyNoBrowser()
const timeout = 110_000

t.test('on a desktop', { skip, timeout }, t => visitEverything(t, desktop))

t.test('in the dark', { skip, timeout }, async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(10)
  const page = await (await openBrowser(t, { ...desktop, colorScheme: 'dark' })).newPage()
  await page.goto(site.url)
  t.notMatch(await page.evaluate('getComputedStyle(document.body).backgroundColor'), /24\d, 24\d/)
  await looksGood(t, page, 'the form')
  await fill(site, page, { request: await new Machine().request(), key, sessions: '99' })
  await looksGood(t, page, 'a refusal')
  await fill(site, page, { request: await new Machine().request(), key, sessions: '1' })
  await looksGood(t, page, 'a license')
})
