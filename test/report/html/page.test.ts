import { hash } from 'node:crypto'
import t from 'tap'
import { noFigures } from '../../../src/report/figures.ts'
import { roundUp } from '../../../src/report/html/chart.ts'
import { condense } from '../../../src/report/html/condense.ts'
import { reportPage } from '../../../src/report/html/page.ts'
import { stylesheet } from '../../../src/report/html/style.ts'
import { weekOf } from '../../../src/report/html/week-map.ts'
import { spans } from '../../../src/report/spans.ts'
import { firstHour, hostileName, pageOf, twoWeeks } from './page-setting.ts'

t.test('one file that runs nothing and loads nothing', async t => {
  const text = reportPage(pageOf(twoWeeks()))
  t.match(
    text,
    /content="default-src &#39;none&#39;; style-src &#39;sha256-[A-Za-z0-9+/=]{44}&#39;; base-uri/,
  )
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1]
  t.equal(style, stylesheet)
  t.ok(text.includes(hash('sha256', style!, 'base64')), 'the policy names this very style')
  t.notMatch(text, /<script|<img|<link|\bsrc=|\bhref=|url\(|@import|\bstyle=|\bon[a-z]+=/)
  t.ok(text.length < 250_000, `${text.length} bytes`)
})

t.test('names that others chose stay text', async t => {
  const text = reportPage(pageOf(twoWeeks(hostileName), { hostname: hostileName, madeBy: hostileName }))
  t.notMatch(text, /<script|<img|onerror="/)
  t.equal(text.split('&lt;script&gt;').length - 1, 4, 'title, heading, application, maker')
  const one = pageOf(twoWeeks(), { application: hostileName })
  t.notMatch(reportPage(one), /<script|<img/)
})

t.test('what it says are the figures of the report', async t => {
  const page = pageOf(twoWeeks())
  const text = reportPage(page)
  const { total, advice, busyHour } = page.summary
  const number = new Intl.NumberFormat('en-US')
  t.match(text, `<dt>Granted</dt><dd>${number.format(total.granted)}</dd>`)
  t.match(text, `<dt>Most in use at one time</dt><dd>${total.peak}</dd>`)
  t.match(text, `<dt>Busy hour (UTC)</dt><dd>${new Date(busyHour!.start).toISOString().slice(0, 10)}`)
  for (const { sessions } of advice!.needed) t.match(text, `<td>${sessions}</td>`)
  t.match(text, 'Teletraffic Engineering Handbook')
  t.match(text, /<th scope="row">2026-11-04 12:00<\/th><td>not watched<\/td>/, 'a gap is no idle time')
  t.match(text, /<th scope="row">2026-11-02 05:00<\/th><td>15<\/td><td>15<\/td><td>40<\/td>/)
  t.match(text, /<li><span class="key r0"><\/span>limit reached<\/li>/)
  t.match(text, 'Made by sessionctl 1.2.3 at 2026-11-16 00:00 UTC')
})

t.test('a report of nothing says so', async t => {
  const text = reportPage(pageOf([], { installationId: null }))
  t.match(text, 'Nobody was refused.')
  t.match(text, 'No hour was watched.')
  t.match(text, '<dt>Mean in use</dt><dd>not watched</dd>')
  t.notMatch(text, /NaN|undefined|Infinity|installation c0ffee/)
})

t.test('more reasons than there are colors are told as one, and none is lost', async t => {
  const refused = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name, index) => [name, 10 - index]))
  const [hour] = twoWeeks()
  const text = reportPage(pageOf([{ ...hour!, figures: { ...hour!.figures, refused } }]))
  t.match(text, /<td>10<\/td><td>9<\/td><td>8<\/td><td>7<\/td><td>11<\/td>/)
  t.match(text, 'other reasons')
})

t.test('a long time is shown in fewer points that add up to the same', async t => {
  const one = { ...noFigures, observedMs: spans.minute, granted: 1, peak: 1 }
  const length = 35 * 24 * 60
  const series = Array.from({ length }, (_, index) => ({
    start: firstHour + index * spans.minute,
    figures: index < 1000 ? null : one,
  }))
  const { stepMs, points } = condense(series, spans.minute)
  t.equal(stepMs, 6 * spans.hour)
  t.equal(points.length, 140)
  t.equal(
    points.reduce((sum, { figures }) => sum + (figures?.granted ?? 0), 0),
    length - 1000,
  )
  t.equal(points[0]?.figures, null, 'nothing watched stays nothing watched')
  const years = Array.from({ length: 500_000 }, (_, index) => ({ start: index * spans.day, figures: null }))
  t.ok(condense(years, spans.day).points.length <= 402, 'whatever the length')
  t.strictSame(condense([], spans.hour).points, [])
})

t.test('the week begins on Monday, and its hours add up', async t => {
  const week = weekOf(twoWeeks())
  t.equal(week[0]![5]!.observedMs, 2 * spans.hour)
  t.equal(week[0]![5]!.peak, 15)
  t.equal(week[2]![12]!.observedMs, spans.hour, 'one of the two Wednesdays was not watched')
})

t.test('the upper edge of a chart divides well', async t => {
  t.strictSame(
    [0, 1, 4, 5, 9, 11, 21, 50, 99, 100, 101, 1_000_000].map(roundUp),
    [4, 4, 4, 8, 20, 20, 40, 80, 100, 100, 200, 1_000_000],
  )
})
