import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { filesBelow, ROOT, readText } from './source.ts'

/** The anchors of a document's headings, as forges make them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '')
  for (const [, heading] of prose.matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

/** Where a document's links lead within the project, and cannot be followed. */
function brokenLinks(path: string, text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)|<(?:a|img)[^>]*(?:href|src)="([^"]+)"/g)].map(
    ([, a, b]) => (a ?? b)!,
  )
  return links.filter(link => {
    if (/^[a-z]+:/.test(link)) return false
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : normalize(join(dirname(path), file))
    if (file !== '' && !existsSync(join(ROOT, target))) return true
    return (
      anchor !== undefined &&
      target.endsWith('.md') &&
      !anchorsOf(target === path ? text : readText(target)).has(anchor)
    )
  })
}

const documents = filesBelow('.', '.md')

t.test('links between documents lead somewhere', async t => {
  t.ok(documents.includes('docs/PROTOCOL.md'))
  for (const path of documents) t.strictSame(brokenLinks(path, readText(path)), [], path)
})

t.test('a link that leads nowhere is noticed', async t => {
  const text =
    '# A b, `c`\n## Twice\n## Twice\n[1](#a-b-c) [2](#twice-1) [3](#twice-2) [4](no.md) [5](PROTOCOL.md#hello) [6](PROTOCOL.md#bye) `[7](x.md)` [8](https://a.b/c)'
  t.strictSame(brokenLinks('docs/x.md', text), ['#twice-2', 'no.md', 'PROTOCOL.md#bye'])
})
