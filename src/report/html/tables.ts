import { type Html, html, type Part } from '../../html.ts'

export interface TableContent {
  caption: string
  head: readonly string[]
  /** The first cell of each row is its heading; all others are numbers, or words in their place. */
  rows: readonly (readonly Part[])[]
  /** Shown instead of rows where there are none. */
  empty?: string
}

/** A table that can be moved sideways where it is wider than the screen. */
export function dataTable({ caption, head, rows, empty = 'None.' }: TableContent): Html {
  if (rows.length === 0) return html`<p>${empty}</p>`
  return html`<div class="wide" role="region" tabindex="0" aria-label="${caption}: table">
<table><caption>${caption}</caption>
<thead><tr>${head.map(cell => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(rowOf)}</tbody></table></div>`
}

function rowOf([heading, ...cells]: readonly Part[]): Html {
  return html`<tr><th scope="row">${heading ?? ''}</th>${cells.map(cell => html`<td>${cell}</td>`)}</tr>
`
}

export interface SectionContent {
  id: string
  title: string
  note?: Part
  picture?: Html
  table: Html
}

/** A heading, what it shows, and the same as a table, which a picture keeps folded away. */
export function section({ id, title, note = null, picture, table }: SectionContent): Html {
  const shown =
    picture === undefined
      ? table
      : html`${picture}
<details><summary>The values of this chart as a table</summary>
${table}
</details>`
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${note}
${shown}
</section>`
}
