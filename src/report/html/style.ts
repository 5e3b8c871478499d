import { hash } from 'node:crypto'

/** The only style of the page. Colors of text keep a contrast of 4.5 at least in both schemes; the tests measure it. */
export const stylesheet = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #17212b; --soft: #51606e; --line: #d5dce2; --accent: #0b5c8e;
  --peak: #b9d9ee; --mean: #0b5c8e; --limit: #a3261c; --empty: #eef1f4;
  --r0: #a3261c; --r1: #c98a0c; --r2: #5b3f8c; --r3: #2f7d5b; --r4: #71808d;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #11171d; --ink: #e7edf2; --soft: #a7b4c0; --line: #36424d; --accent: #6db9ea;
    --peak: #1f4a66; --mean: #6db9ea; --limit: #ff9f95; --empty: #1a222a;
    --r0: #ff9f95; --r1: #e8b64a; --r2: #b79be6; --r3: #7fd0aa; --r4: #8695a3;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 60rem; padding: 1.25rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1, h2, li, dt, caption, summary { overflow-wrap: anywhere; }
h1 { margin: 0 0 .25rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; }
p { margin: 0 0 .75rem; overflow-wrap: anywhere; }
.soft, caption, footer { color: var(--soft); font-size: .9rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1rem 0; }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
dt { color: var(--soft); font-size: .9rem; }
dd { margin: 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.wide:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .25rem 0; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; }
th { font-weight: 600; }
tbody th { font-weight: 400; max-width: 22rem; overflow: hidden; text-overflow: ellipsis; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .5rem; padding: 0; list-style: none; font-size: .9rem; }
.key { display: inline-block; width: 1rem; height: .75rem; margin-right: .4rem; background: var(--line); }
.key.peak { background: var(--peak); } .key.mean { background: var(--mean); height: .2rem; vertical-align: middle; }
.key.limit { background: var(--limit); height: .2rem; vertical-align: middle; }
.tick { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); fill: none; }
path.peak { fill: var(--peak); } path.mean { fill: none; stroke: var(--mean); stroke-width: 2; }
path.limit { fill: none; stroke: var(--limit); stroke-width: 2; stroke-dasharray: 7 4; }
.r0 { fill: var(--r0); background: var(--r0); } .r1 { fill: var(--r1); background: var(--r1); }
.r2 { fill: var(--r2); background: var(--r2); } .r3 { fill: var(--r3); background: var(--r3); }
.r4 { fill: var(--r4); background: var(--r4); }
.cell { fill: var(--mean); } .hnone { fill: none; stroke: var(--line); }
.h0 { fill: var(--empty); } .h1 { fill-opacity: .14; } .h2 { fill-opacity: .26; } .h3 { fill-opacity: .38; }
.h4 { fill-opacity: .5; } .h5 { fill-opacity: .62; } .h6 { fill-opacity: .74; } .h7 { fill-opacity: .87; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .75rem; }
@media print {
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; font-size: .8rem; }
  svg { min-width: 0; } .wide { overflow: visible; }
  section { break-inside: avoid-page; } details { display: none; }
}
`

/** Nothing is loaded or run but this very style, whatever a name in the page says. */
export const contentPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${hash('sha256', stylesheet, 'base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')
