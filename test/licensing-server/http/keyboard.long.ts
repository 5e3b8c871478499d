import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FileChooser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { Machine, readLicense } from '../vendor.ts'
import { desktop, openBrowser, phone, type Surroundings, violationsOf, whyNoBrowser } from './browser.ts'
import { startSite } from './site.ts'

const skip = whyNoBrowser()
const timeout = 110_000

/** Presses Tab until the element has the focus; fails where it cannot be reached. Says what was passed. */
async function tabTo(page: Page, selector: string): Promise<string[]> {
  const passed: string[] = []
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press('Tab')
    const here = page.locator(':focus')
    if (await here.evaluate((element, wanted) => element.matches(wanted), selector)) {
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outline')
      if (!/\bsolid\b.*\b[2-9]px|\b[2-9]px\b.*\bsolid\b/.test(String(outline)))
        throw new Error(`The focus on ${selector} cannot be seen.`)
      return passed
    }
    passed.push(await here.evaluate(element => element.id || element.tagName.toLowerCase()))
  }
  throw new Error(`Tab never reaches ${selector}; it passes ${passed.join(', ')}.`)
}

/** Presses Space until the browser asks for a file: on a busy machine it may miss the first time, as people see too. */
async function openChooser(page: Page): Promise<FileChooser> {
  for (let tries = 0; tries < 5; tries++) {
    const asked = page.waitForEvent('filechooser', { timeout: 6000 }).catch(() => null)
    await page.keyboard.press('Space')
    const chooser = await asked
    if (chooser !== null) return chooser
  }
  throw new Error('Space never opens the file chooser.')
}

/** The whole way with the keyboard alone: a refusal first, then the license, then its file. */
async function walk(t: Test, surroundings: Surroundings): Promise<void> {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(10)
  const machine = new Machine()
  const page = await (await openBrowser(t, surroundings)).newPage()
  await page.goto(site.url)

  t.strictSame(await tabTo(page, 'a.skip'), [], 'the first stop skips what is the same on every page')
  t.strictSame(await tabTo(page, '#request-file'), [])
  const chooser = await openChooser(page)
  const file = join(t.testdir({}), 'request.jws')
  writeFileSync(file, `${await machine.request()}\n`)
  await chooser.setFiles(file)
  t.strictSame(await tabTo(page, '#installation-key'), ['summary'], 'in the order of the page')
  await page.keyboard.type(key.toLowerCase())
  await tabTo(page, '#sessions')
  await page.keyboard.type('11')
  await page.keyboard.press('Enter')

  await page.waitForSelector('.notice.error')
  t.strictSame(await violationsOf(page), [])
  t.strictSame(await tabTo(page, '.notice a[href="#sessions"]'), [], 'the first stop is what is wrong')
  await page.keyboard.press('Enter')
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('10')
  await tabTo(page, 'button[type=submit]')
  await page.keyboard.press('Enter')

  await page.waitForSelector('.notice.good')
  t.strictSame(await violationsOf(page), [])
  t.strictSame(await tabTo(page, '.notice button'), [], 'the first stop is the file')
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Space')])
  const license = readFileSync(await download.path(), 'utf8').trim()
  t.equal((await readLicense({ kind: 'license', license, unit: 'sessions' } as never)).maxSessions, 10)
  await tabTo(page, 'main > p > a[href="/"]')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#request-file')
}

t.test('with the keyboard alone', { skip, timeout }, t => walk(t, desktop))

t.test('with the keyboard alone, and without JavaScript', { skip, timeout }, t =>
  walk(t, { ...desktop, javaScriptEnabled: false }),
)

t.test('on a phone without JavaScript, by pasting', { skip, timeout }, async t => {
  const site = await startSite(t)
  const { key } = await site.vendor.pool(10)
  const page = await (await openBrowser(t, { ...phone, javaScriptEnabled: false })).newPage()
  await page.goto(site.url)
  await page.getByText('Or paste its text').tap()
  await page.getByLabel('Text of the request').fill(await new Machine().request())
  await page.getByLabel('Installation key').fill(key)
  await page.getByLabel('Number of sessions').fill('3')
  await page.getByRole('button', { name: 'Get the license' }).tap()
  await page.getByRole('heading', { name: 'The license is ready' }).waitFor()
  const button = page.getByRole('button', { name: /^Download license-/ })
  const [download] = await Promise.all([page.waitForEvent('download'), button.tap()])
  t.match(download.suggestedFilename(), /^license-[0-9a-f]{8}-1\.jws$/)
})

t.test('everything that is touched is large enough', { skip, timeout }, async t => {
  const site = await startSite(t)
  const page = await (await openBrowser(t, phone)).newPage()
  await page.goto(site.url)
  for (const selector of ['button', 'input[type=file]', 'summary', '#installation-key', '#sessions']) {
    const box = await page.locator(selector).boundingBox()
    // WCAG 2.2, 2.5.8: 24 CSS pixels.
    t.ok(box !== null && box.height >= 24 && box.width >= 24, selector)
  }
})
