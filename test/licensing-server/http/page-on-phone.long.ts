import t from 'tap'
import { openBrowser, phone, whyNoBrowser } from './browser.ts'
import { startSite } from './site.ts'
import { visitEverything } from './visit.ts'

const skip = whyNoBrowser()
const timeout = 110_000

t.test('on a phone', { skip, timeout }, t => visitEverything(t, phone))

t.test('who comes too often is told how long to wait', { skip, timeout }, async t => {
  const site = await startSite(t, { limits: { perAddress: { burst: 4, perHour: 1 } } })
  const page = await (await openBrowser(t, phone)).newPage()
  // The stylesheet counts too, once.
  for (let n = 0; n < 4; n++) await page.goto(site.url)
  t.match(await page.getByRole('alert').textContent(), /Too many requests[\s\S]*Wait 60 minutes/)
})
