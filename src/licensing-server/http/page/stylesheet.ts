/** The only style of the page. Colors keep a contrast of 4.5 at least in both schemes; the tests measure it. */
export const stylesheet = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --card: #ffffff; --ink: #17212b; --soft: #51606e; --line: #c9d2da; --edge: #71808d;
  --accent: #0b5c8e; --accent-ink: #ffffff; --accent-deep: #084469;
  --bad: #a3261c; --bad-ground: #fdf1f0; --good: #1c6638; --good-ground: #eff8f2; --code: #eaeef2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11171d; --card: #1a222a; --ink: #e7edf2; --soft: #a7b4c0; --line: #36424d; --edge: #8695a3;
    --accent: #6db9ea; --accent-ink: #08202f; --accent-deep: #9bd0f2;
    --bad: #ff9f95; --bad-ground: #2c1a1a; --good: #86d6a3; --good-ground: #16261c; --code: #25303a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
.column { max-width: 44rem; margin: 0 auto; padding: 0 1.25rem; }
.top { background: var(--card); border-bottom: 1px solid var(--line); }
.top .column { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; padding-block: .9rem; }
.brand { margin: 0; font-weight: 650; }
.place { margin: 0; color: var(--soft); }
main.column { padding-block: 1.75rem 1.5rem; }
main:focus { outline: none; }
footer.column { padding-block: .5rem 2rem; color: var(--soft); font-size: .875rem; }
h1 { margin: .25rem 0 .5rem; font-size: 1.65rem; line-height: 1.25; letter-spacing: -.01em; }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.15rem; line-height: 1.35; }
p { margin: 0 0 .75rem; }
a { color: var(--accent); text-underline-offset: .15em; }
a:hover { color: var(--accent-deep); }
.lead { color: var(--soft); font-size: 1.05rem; max-width: 38rem; }
code, pre, .mono, textarea { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
code { font-size: .92em; background: var(--code); border-radius: .25rem; padding: .1em .3em; overflow-wrap: anywhere; }
pre { margin: 0 0 .75rem; padding: .7rem .9rem; background: var(--code); border-radius: .5rem; white-space: pre-wrap; overflow-x: auto; }
pre code { background: none; padding: 0; user-select: all; }
pre span, .whole { white-space: nowrap; }
.steps { list-style: none; counter-reset: step; margin: 1.5rem 0 0; padding: 0; }
.steps > li {
  counter-increment: step; position: relative; margin: 0 0 1rem; padding: 1.1rem 1.25rem 1rem 4rem;
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
}
.steps > li::before {
  content: counter(step); position: absolute; left: 1.25rem; top: 1.1rem; width: 1.9rem; height: 1.9rem;
  border-radius: 50%; background: var(--accent); color: var(--accent-ink); font-weight: 650;
  display: flex; align-items: center; justify-content: center;
}
.steps h2 { margin: .1rem 0 .6rem; }
.steps > li > :last-child { margin-bottom: 0; }
form { margin: 0; }
.field { margin: 0 0 1.4rem; padding: 0; border: 0; min-width: 0; }
.field label, legend { display: block; padding: 0; font-weight: 600; margin: 0 0 .15rem; }
.field .minor, .minor { display: block; font-weight: 400; margin: .5rem 0 .25rem; }
.hint { color: var(--soft); font-size: .93rem; margin: 0 0 .45rem; }
.wrong { border-left: 4px solid var(--bad); padding-left: .9rem; }
.error-text { color: var(--bad); font-weight: 600; margin: 0 0 .45rem; }
input[type="text"], textarea {
  width: 100%; max-width: 100%; padding: .6rem .7rem; border: 1px solid var(--edge); border-radius: .45rem;
  background: var(--card); color: var(--ink); font-size: 1rem; line-height: 1.4;
}
textarea { display: block; font-size: .875rem; overflow-wrap: anywhere; resize: vertical; }
input.mono { letter-spacing: .03em; }
input.short { max-width: 10rem; }
input[aria-invalid] { border: 2px solid var(--bad); }
input[type="file"] { display: block; width: 100%; max-width: 100%; padding: .25rem 0; font: inherit; color: var(--ink); }
input[type="file"]::file-selector-button {
  font: inherit; margin-right: .75rem; padding: .5rem .9rem; border: 1px solid var(--edge); border-radius: .45rem;
  background: var(--code); color: var(--ink); cursor: pointer;
}
details { margin: .5rem 0 .75rem; }
summary { cursor: pointer; color: var(--accent); padding: .35rem 0; width: fit-content; }
summary:hover { color: var(--accent-deep); }
button {
  font: inherit; font-weight: 600; padding: .7rem 1.4rem; min-height: 2.9rem; max-width: 100%; border: 0;
  border-radius: .45rem; background: var(--accent); color: var(--accent-ink); cursor: pointer; overflow-wrap: anywhere;
}
button:hover { background: var(--accent-deep); }
.notice { margin: 0 0 1.5rem; padding: 1rem 1.25rem; border: 1px solid; border-left-width: 6px; border-radius: .2rem .6rem .6rem .2rem; }
.notice h1, .notice h2 { margin: 0 0 .5rem; }
.notice > :last-child { margin-bottom: 0; }
.error { border-color: var(--bad); background: var(--bad-ground); }
.good { border-color: var(--good); background: var(--good-ground); }
.notice ul { margin: 0 0 .75rem; padding-left: 1.2rem; }
.reference { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.facts { margin: 0 0 1rem; padding: .4rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
.facts div { display: grid; grid-template-columns: 10rem 1fr; gap: 0 1rem; padding: .5rem 0; }
.facts div + div { border-top: 1px solid var(--line); }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .3rem; }
.notice:focus-visible { outline: 2px solid var(--edge); outline-offset: 3px; border-radius: .2rem .6rem .6rem .2rem; }
.skip { position: absolute; left: .75rem; top: -4rem; padding: .5rem .9rem; background: var(--card); border-radius: .4rem; z-index: 1; }
.skip:focus { top: .5rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 34rem) {
  .steps > li { padding: 1rem 1rem .9rem; }
  .steps > li::before { left: 1rem; top: 1rem; }
  .steps h2 { min-height: 1.9rem; padding: .15rem 0 0 2.6rem; }
  .facts div { grid-template-columns: 1fr; }
  input.mono { letter-spacing: 0; padding-inline: .35rem; }
  .wrong { margin-left: -.8rem; padding-left: .55rem; }
  h1 { font-size: 1.4rem; }
  button { width: 100%; }
}
@media (forced-colors: active) { .steps > li::before { border: 2px solid; } button { border: 2px solid; } }
`
