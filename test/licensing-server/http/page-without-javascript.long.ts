import t from 'tap'
import { phone, whyNoBrowser } from './browser.ts'
import { visitEverything } from './visit.ts'

t.test('without JavaScript', { skip: whyNoBrowser(), timeout: 110_000 }, t =>
  visitEverything(t, { ...phone, javaScriptEnabled: false }),
)
