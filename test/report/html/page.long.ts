import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { reportPage } from '../../../src/report/html/page.ts'
import {
  desktop,
  openBrowser,
  phone,
  type Surroundings,
  whyNoBrowser,
} from '../../licensing-server/http/browser.ts'
import { looksGood } from '../../licensing-server/http/visit.ts'
import { hostileName, pageOf, twoWeeks } from './page-setting.ts'

const skip = whyNoBrowser()
const timeout = 110_000

/** Opens a page from the disk and notes everything that the browser says or asks for. */
async function open(t: Test, text: string, surroundings: Surroundings) {
  const file = join(t.testdir({}), 'report.html')
  writeFileSync(file, text)
  const page = await (await openBrowser(t, surroundings)).newPage()
  const complaints: string[] = []
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('dialog', dialog => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  const requests: string[] = []
  page.on('request', request => requests.push(request.url()))
  const url = pathToFileURL(file).href
  await page.goto(url)
  return { page, complaints, asked: () => requests.filter(each => each !== url) }
}

const views: [name: string, surroundings: Surroundings][] = [
  ['on a desktop', desktop],
  ['in the dark', { ...desktop, colorScheme: 'dark' }],
  ['on a phone', phone],
]
for (const [name, surroundings] of views) {
  t.test(name, { skip, timeout }, async t => {
    const hours = twoWeeks(hostileName)
    const text = reportPage(pageOf(hours, { hostname: hostileName, madeBy: hostileName, by: 'day' }))
    const { page, complaints, asked } = await open(t, text, surroundings)
    for (const details of await page.locator('summary').all()) await details.click()
    await looksGood(t, page, 'the report with its tables')
    t.equal(await page.title(), `Session usage of ${hostileName}`)
    t.equal(await page.locator('#applications ~ * tbody th').textContent(), hostileName, 'a name is text')
    t.equal(await page.locator('script, img').count(), 0)
    t.equal(await page.locator('svg').count(), 3)
    const fill = await page.locator('path.peak').evaluate('element => getComputedStyle(element).fill')
    t.notMatch(fill, 'rgb(0, 0, 0)', 'the style is in force')
    t.strictSame(complaints, [])
    t.strictSame(asked(), [])
  })
}

t.test('where nothing was watched', { skip, timeout }, async t => {
  const { page, complaints } = await open(t, reportPage(pageOf([])), desktop)
  await looksGood(t, page, 'an empty report')
  t.strictSame(complaints, [])
})

t.test('the policy of the page holds what its text could not', { skip, timeout }, async t => {
  const planted = `<main><script>document.title = 'ran'</script><b style="color: red">x</b><img alt="" src="https://vendor.example/x">`
  const text = reportPage(pageOf(twoWeeks())).replace('<main>', planted)
  const { page, complaints } = await open(t, text, desktop)
  t.equal(await page.title(), 'Session usage of calls-1.acme.example')
  t.match(complaints.join('\n'), /script[\s\S]*style|style[\s\S]*script/i)
  t.match(complaints.join('\n'), /img-src|image/i)
})
