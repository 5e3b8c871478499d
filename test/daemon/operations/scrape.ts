import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { DaemonHere } from '../../support/daemon.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
}

/** Asks the operations listener of a daemon for a path. */
export async function ask(here: DaemonHere, path: string, options: AskOptions = {}): Promise<Answer> {
  const { port } = here.daemon.addresses.operations!
  const asked = request({ host: '127.0.0.1', port, path, agent: false, ...options }).end()
  const [response] = await once(asked, 'response')
  return { status: response.statusCode, headers: response.headers, text: await text(response) }
}

/** What a scrape tells: values by the text before them, such as `sessiond_releases_total{cause="released"}`. */
export type Figures = ReadonlyMap<string, number>

/** Reads the plain text format; fails on a line that it does not allow. */
export function parseExposition(text: string): Figures {
  const figures = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of text.trimEnd().split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      types.set(type[1]!, type[2]!)
      continue
    }
    const figure = /^((\w+)(?:\{(?:\w+="[^"\\\n]*",?)+\})?) (\S+)$/.exec(line)
    if (figure === null) throw new Error(`not a line of an exposition: ${line}`)
    const [, series, name, value] = figure
    const family = name!.replace(/_(bucket|sum|count)$/, '')
    if (!types.has(name!) && types.get(family) !== 'histogram') throw new Error(`${name} has no type`)
    if (figures.has(series!)) throw new Error(`${series} comes twice`)
    figures.set(series!, value === '+Inf' ? Infinity : Number(value))
  }
  return figures
}

/** Scrapes a daemon once. */
export async function scrape(here: DaemonHere): Promise<Figures> {
  const { status, text } = await ask(here, '/metrics')
  if (status !== 200) throw new Error(`${status} ${text}`)
  return parseExposition(text)
}

/** The figures whose series begin so, by what comes after that. */
export function figuresOf(figures: Figures, name: string): Record<string, number> {
  const found = [...figures].filter(([series]) => series.startsWith(`${name}{`))
  return Object.fromEntries(found.map(([series, value]) => [series.slice(name.length), value]))
}
