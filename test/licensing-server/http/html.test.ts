import fc from 'fast-check'
import t from 'tap'
import { html } from '../../../src/html.ts'
import { commandLine } from '../../../src/licensing-server/http/page/command-line.ts'

t.test('what stands in a template is text, unless it is markup itself', async t => {
  t.equal(html`<p>${'<b>&"\''}</p>`.text, '<p>&lt;b&gt;&amp;&quot;&#39;</p>')
  t.equal(html`<p>${html`<b>${'<'}</b>`}</p>`.text, '<p><b>&lt;</b></p>')
  t.equal(html`${1}${null}${false}${['a', html`<br>`, ['<', null]]}`.text, '1a<br>&lt;')
  t.equal(html`<a href="${'" onclick="x'}">`.text, '<a href="&quot; onclick=&quot;x">')
  t.equal(commandLine('a <b>').text, '<pre><code><span>a</span> <span>&lt;b&gt;</span></code></pre>')
})

t.test('no text ends an element or an attribute', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const { text: markup } = html`<p title="${text}">${text}</p>`
      const inner = markup.slice('<p title="'.length, -'</p>'.length)
      return !/[<'"]/.test(inner.replace('">', '').replaceAll('\u0000', ''))
    }),
  )
  t.pass()
})
