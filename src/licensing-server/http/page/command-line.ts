import { type Html, html } from '../../../html.ts'

/** A command to be typed; on a narrow screen it breaks between its words only. */
export function commandLine(command: string): Html {
  const words = command.split(' ').map((word, index) => [index === 0 ? '' : ' ', html`<span>${word}</span>`])
  return html`<pre><code>${words}</code></pre>`
}
