import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import tap, { type Test } from 'tap'

/** Debian's. No browser is downloaded. */
const executablePath = '/usr/bin/chromium'

/**
 * Why tests that need a browser are skipped; false where it is there. In CI it must be there: a test that is
 * skipped there would be missed by nobody.
 */
export function whyNoBrowser(): string | false {
  if (existsSync(executablePath)) return false
  const why = 'Chromium is not installed: sudo apt-get install chromium'
  if (process.env['CI'] === 'true') throw new Error(why)
  return why
}

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Surroundings {
  viewport: { width: number; height: number }
  javaScriptEnabled?: boolean
  colorScheme?: 'light' | 'dark'
  isMobile?: boolean
}

export const phone: Surroundings = { viewport: { width: 360, height: 740 }, isMobile: true }
export const desktop: Surroundings = { viewport: { width: 1280, height: 800 } }

let browser: Promise<Browser> | null = null

/** A fresh profile in the one browser of this test file, closed when the test ends. */
export async function openBrowser(t: Test, surroundings: Surroundings): Promise<BrowserContext> {
  browser ??= launch()
  const { isMobile = false, ...rest } = surroundings
  const mobile = isMobile ? { isMobile, hasTouch: true, deviceScaleFactor: 2 } : {}
  const context = await (await browser).newContext({ acceptDownloads: true, ...mobile, ...rest })
  t.teardown(() => context.close())
  return context
}

/** The browser has a temporary user data directory, which goes with it. */
async function launch(): Promise<Browser> {
  const launched = await chromium.launch({ executablePath, args, headless: true })
  tap.teardown(() => launched.close())
  return launched
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Where the page runs no scripts it has no timers either, so what axe puts off is done in turn. */
const timerless = 'globalThis.setTimeout = act => { Promise.resolve().then(act); return 0 };'

/**
 * What axe-core finds wrong with the page as it is. axe itself is brought in from outside of the page, past its
 * content security policy.
 */
export async function violationsOf(page: Page): Promise<string[]> {
  const isScripted = (await page.evaluate('matchMedia("(scripting: enabled)").matches')) === true
  const script = `${isScripted ? '' : timerless} ${axeSource}; axe.run(document, { preload: ${isScripted} })`
  const { violations, passes } = (await page.evaluate(script)) as AxeResults
  if (passes.length < 10) throw new Error('axe looked at next to nothing.')
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(node => node.html).join(' | ')})`,
  )
}
