import { readFileSync } from 'node:fs'

interface Variable {
  readonly name: string
  readonly type: string
  readonly definition?: string
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly fieldConfig?: {
    readonly defaults: {
      readonly mappings?: { readonly options: Record<string, { readonly text: string }> }[]
    }
  }
  readonly targets?: {
    readonly refId: string
    readonly expr: string
    readonly datasource: { readonly uid: string }
  }[]
}

interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] }
}

const file = new URL('../../config/grafana/sessiond.json', import.meta.url)
export const dashboard = JSON.parse(readFileSync(file, 'utf8')) as Dashboard

/** Every query of it, with the panel, variable or annotation that asks it. */
export function queriesOf({ panels, templating, annotations }: Dashboard): { from: string; expr: string }[] {
  return [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ from: title, expr }))),
    ...templating.list.flatMap(({ name, definition }) => {
      const asked = /^label_values\((.*), \w+\)$/.exec(definition ?? '')?.[1]
      return asked === undefined ? [] : [{ from: `variable ${name}`, expr: asked }]
    }),
    ...annotations.list.flatMap(({ name, expr }) => (expr === undefined ? [] : [{ from: name, expr }])),
  ]
}

/** The names of the metrics that a query speaks of, without what histograms add to theirs. */
export function metricsOf(expr: string): string[] {
  const text = expr.replaceAll(/\{[^}]*\}/g, '')
  return [...text.matchAll(/\b(?:sessiond|process|instance:\w+|up)[_\w:]*/g)].map(([name]) =>
    name.replace(/_(?:bucket|sum|count)$/, ''),
  )
}
