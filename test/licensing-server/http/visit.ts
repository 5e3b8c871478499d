import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { Machine, readLicense } from '../vendor.ts'
import { openBrowser, type Surroundings, violationsOf } from './browser.ts'
import { publishRevocationList, type Site, startSite } from './site.ts'

interface Sent {
  request: string
  key?: string
  sessions?: string
}

/** Fills the form in as a person does, and sends it. */
export async function fill(
  site: Site,
  page: Page,
  { request, key = '', sessions = '' }: Sent,
): Promise<void> {
  await page.goto(site.url)
  const buffer = Buffer.from(request)
  await page.getByLabel('Choose the file').setInputFiles({ name: 'request.jws', mimeType: '', buffer })
  await page.getByLabel('Installation key').fill(key)
  await page.getByLabel('Number of sessions').fill(sessions)
  await page.getByRole('button', { name: 'Get the license' }).click()
}

/** What a click downloads. */
async function download(page: Page, act: () => Promise<void>): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent('download'), act()])
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') }
}

/** Holds one state of the page: nothing is wrong for those who cannot see, and nothing leaves the screen. */
export async function looksGood(t: Test, page: Page, state: string): Promise<void> {
  t.strictSame(await violationsOf(page), [], `axe: ${state}`)
  const overflow = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  )
  t.equal(overflow, 0, `nothing is wider than the screen: ${state}`)
}

async function focused(page: Page): Promise<string> {
  // `autofocus` is carried out when the page is painted, which may be after its text was read.
  await page.waitForFunction('document.activeElement !== document.body')
  return String(await page.evaluate('document.activeElement.id || document.activeElement.className'))
}

/** Everything that the page can show, in one visit after the other. */
export async function visitEverything(t: Test, surroundings: Surroundings): Promise<void> {
  const site = await startSite(t)
  await publishRevocationList(site)
  const { key } = await site.vendor.pool(10)
  const page = await (await openBrowser(t, surroundings)).newPage()
  const complaints: string[] = []
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(String(error)))
  const foreign: string[] = []
  page.on('request', request => {
    if (!request.url().startsWith(site.url)) foreign.push(request.url())
  })

  await page.goto(site.url)
  t.match(await page.title(), 'Activate a machine by hand – Example Telephony')
  await looksGood(t, page, 'the form')

  await page.getByRole('button', { name: 'Get the license' }).click()
  t.match(await page.title(), /^Error: /)
  t.equal(await focused(page), 'notice error', 'what is wrong takes the focus')
  await looksGood(t, page, 'a form that says too little')
  await page.getByRole('link', { name: /Choose the request file/ }).click()
  t.equal(await focused(page), 'request-file', 'and leads to the field')

  const machine = new Machine()
  const request = await machine.request()
  await fill(site, page, { request, key, sessions: '99' })
  t.match(await page.getByRole('alert').textContent(), /10 sessions left; 99 are needed[\s\S]*Ada Lovelace/)
  t.equal(await page.getByLabel('Text of the request').inputValue(), request, 'the request is still there')
  await looksGood(t, page, 'a refusal at a field')

  await page.getByLabel('Number of sessions').fill('4')
  await page.getByRole('button', { name: 'Get the license' }).click()
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'The license is ready')
  t.equal(await focused(page), 'notice good')
  await looksGood(t, page, 'a license')
  const file = await download(page, () => page.getByRole('button', { name: /^Download license-/ }).click())
  t.match(file.name, /^license-[0-9a-f]{8}-1\.jws$/)
  const answer = { kind: 'license', license: file.text.trim(), unit: 'sessions' } as never
  t.equal((await readLicense(answer)).maxSessions, 4)
  machine.license = await readLicense(answer)
  const list = await download(page, () => page.getByRole('link', { name: 'Download the list' }).click())
  t.equal(list.name, 'revoked.jws')
  await page.getByText('Text of the license').click()
  t.equal(await page.getByLabel('The same as the file').inputValue(), file.text.trim())
  await looksGood(t, page, 'a license with its text')

  await site.vendor.admin.startTransfer(machine.license.installationId)
  await fill(site, page, { request: await machine.request() })
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'This machine is being deactivated')
  await looksGood(t, page, 'a deactivation')
  const last = await download(page, () => page.getByRole('button', { name: /^Download license-/ }).click())
  const deactivated = await readLicense({ ...(answer as object), license: last.text.trim() } as never)
  await fill(site, page, { request: await machine.request({ deactivationOf: deactivated.licenseId }) })
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'The deactivation is confirmed')
  await looksGood(t, page, 'a confirmation')

  const newer = new Machine()
  newer.version = '6.0.0'
  await fill(site, page, { request: await newer.request(), key, sessions: '1' })
  t.match(await page.getByRole('alert').textContent(), /The license covers versions 5\.0 to 5\.x/)
  await looksGood(t, page, 'a refusal that no field can mend')

  await page.goto(`${site.url}/nothing`)
  await looksGood(t, page, 'nothing there')
  t.strictSame(foreign, [], 'nothing was asked of anybody else')
  // The browser tells of answers that are no success; anything else would be a mistake of the page.
  t.strictSame(
    complaints.filter(
      text => !/^Failed to load resource: the server responded with a status of 4\d\d/.test(text),
    ),
    [],
  )
}
