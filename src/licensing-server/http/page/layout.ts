import { createHash } from 'node:crypto'
import { type Html, html, type Part } from '../../../html.ts'
import { stylesheet } from './stylesheet.ts'

/** The name in the address changes with the content, so that it may be kept for long. */
const styleVersion = createHash('sha256').update(stylesheet).digest('hex').slice(0, 12)

export interface PageContent {
  /** Stands first in the title of the window: `Error`. */
  prefix?: string
  title: string
  vendor: string | null
  body: Part
}

export function layout({ prefix, title, vendor, body }: PageContent): string {
  const name = vendor ?? 'Licensing'
  const page: Html = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${prefix === undefined ? '' : `${prefix}: `}${title} – ${name}</title>
<link rel="stylesheet" href="/style.css?v=${styleVersion}">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="column"><p class="brand">${name}</p><p class="place">License activation</p></div></header>
<main id="main" class="column" tabindex="-1">
${body}
</main>
<footer class="column"><p>This page sets no cookie and loads nothing from elsewhere.</p></footer>
</body>
</html>
`
  return page.text
}
