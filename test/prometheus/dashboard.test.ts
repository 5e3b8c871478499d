// The shape of config/grafana/sessiond.json; what its queries give is the matter of dashboard.long.ts.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { lifecycleStates } from '../../src/license/lifecycle.ts'
import { usageStates } from '../../src/session/usage-state.ts'
import { dashboard, metricsOf, type Panel, queriesOf } from './dashboard.ts'

const { panels } = dashboard
const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const known = new Set(
  [...read('monitoring.md').matchAll(/^\| `((?:sessiond|process)_\w+)`/gm)].map(([, name]) => name),
)

function panelOf(title: string): Panel {
  return panels.find(panel => panel.title === title)!
}

t.test('every panel has an id of its own, a title, and says what to do', async t => {
  t.ok(panels.length > 20)
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  t.equal(new Set(panels.map(({ title }) => title)).size, panels.length)
  for (const { title, description } of panels) t.match(description, /^[A-Z].{30,}\.$/s, title)
})

t.test('panels do not lie over each other, and none reaches beyond the width', async t => {
  const taken = new Map<string, string>()
  for (const { title, gridPos } of panels) {
    t.ok(gridPos.x + gridPos.w <= 24, title)
    const below = new Set<string>()
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const other = taken.get(`${x} ${y}`)
        if (other !== undefined) below.add(other)
        taken.set(`${x} ${y}`, title)
      }
    }
    t.strictSame([...below], [], title)
  }
})

t.test('every panel asks the data source and the machines that were chosen', async t => {
  const variables = dashboard.templating.list.map(({ name, type }) => `${name}: ${type}`)
  t.strictSame(variables, ['datasource: datasource', 'job: query', 'instance: query'])
  for (const { type, title, datasource, targets = [] } of panels) {
    if (type === 'row') continue
    t.match(datasource?.uid, /^\$\{datasource\}$/, title)
    t.ok(targets.length > 0, title)
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    for (const target of targets) {
      t.match(target.datasource.uid, /^\$\{datasource\}$/, title)
      const selectors = target.expr.match(/(?:sessiond|process)_\w+(?:\{[^}]*\})?/g) ?? []
      t.ok(selectors.length > 0, title)
      for (const selector of selectors) t.match(selector, 'instance=~"$instance"', title)
    }
  }
})

t.test('queries speak of metrics that docs/monitoring.md tells of, and of nearly all of them', async t => {
  const asked = new Set<string>()
  for (const { from, expr } of queriesOf(dashboard)) {
    for (const name of metricsOf(expr)) {
      t.ok(known.has(name), `${from}: ${name}`)
      asked.add(name)
    }
  }
  t.strictSame(
    [...known].filter(name => !asked.has(name!)),
    [
      // Peaks since the start are for `sessionctl status`; a graph has the recent one.
      'sessiond_sessions_peak',
      'sessiond_adoptions_total',
      'sessiond_application_sessions_orphaned',
      'sessiond_application_sessions_peak',
      'sessiond_application_grants_total',
      'sessiond_application_refusals_total',
      'sessiond_reactivation_owner',
      // The last success and the outcomes tell as much.
      'sessiond_reactivation_last_attempt_timestamp_seconds',
    ],
  )
})

t.test('every state has a name and a color', async t => {
  const states = { 'Usage state': usageStates, 'License state': lifecycleStates }
  for (const [title, all] of Object.entries(states)) {
    const { fieldConfig, targets } = panelOf(title)
    const named = Object.entries(fieldConfig?.defaults.mappings?.[0]?.options ?? {})
    t.strictSame(named.map(([, { text }]) => text).sort(), [...all].sort(), title)
    const [first] = targets ?? []
    for (const [value, { text }] of named) {
      t.match(first?.expr, new RegExp(`\\b${value} \\* sessiond_\\w+\\{[^}]*, state="${text}"\\}`), text)
    }
  }
})

t.test('descriptions name sections of the runbook and commands that there are', async t => {
  const text = panels.map(({ description }) => description).join('\n')
  const sections = [...text.matchAll(/\bSessiond[A-Z]\w+/g)].map(([name]) => name)
  t.ok(sections.length > 5)
  for (const section of sections) t.ok(read('runbook.md').includes(`## ${section}\n`), section)
  const commands = [...text.matchAll(/\bsessionctl (license \w+|sessions \w+|[a-z]+)/g)].map(([name]) => name)
  t.ok(commands.length > 5)
  for (const command of commands) t.ok(read('cli.md').includes(`\`${command}`), command)
})
