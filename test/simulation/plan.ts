import type { KillPoint } from './daemon.ts'
import type { Damage } from './disk.ts'
import { licenses } from './licenses.ts'
import { Random } from './random.ts'

export const CALLERS = 3

/** One thing that happens from outside, at an instant of the history. */
export type Step = { readonly at: number } & (
  | {
      readonly act: 'acquire'
      readonly caller: number
      readonly key: number
      readonly application: 'ivr' | 'brief' | 'default'
      readonly patienceMs: number | null
    }
  | { readonly act: 'release'; readonly caller: number; readonly which: number }
  | { readonly act: 'cut' | 'half-open'; readonly caller: number }
  | { readonly act: 'pause'; readonly caller: number; readonly ms: number }
  | { readonly act: 'kill caller'; readonly caller: number; readonly startsInMs: number }
  | {
      readonly act: 'kill daemon'
      readonly point: KillPoint | null
      readonly startsInMs: number
      readonly damage: Damage | null
    }
  | { readonly act: 'stop daemon'; readonly drainMs: number; readonly startsInMs: number }
  | { readonly act: 'disk'; readonly bytesLeft: number; readonly ms: number }
  | { readonly act: 'move journal' }
  | { readonly act: 'license'; readonly file: number }
  | { readonly act: 'licensing server'; readonly file: number; readonly ms: number }
  | { readonly act: 'wall clock'; readonly byMs: number; readonly ms: number }
  | { readonly act: 'wall rate'; readonly rate: number }
  | { readonly act: 'hide processes'; readonly ms: number }
  | { readonly act: 'replay'; readonly caller: number; readonly which: number }
  | { readonly act: 'forge'; readonly caller: number; readonly which: number }
)

export type Act = Step['act']

const DAY_MS = 86_400_000

/** How likely each thing is, beside the others. */
const WEIGHTS: readonly (readonly [Act, number])[] = [
  ['acquire', 40],
  ['release', 18],
  ['cut', 5],
  ['half-open', 2],
  ['pause', 2],
  ['kill caller', 3],
  ['kill daemon', 5],
  ['stop daemon', 3],
  ['disk', 3],
  ['move journal', 1],
  ['license', 4],
  ['licensing server', 2],
  ['wall clock', 3],
  ['wall rate', 1],
  ['hide processes', 1],
  ['replay', 6],
  ['forge', 4],
]
const TOTAL = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0)

/** What happens in the history of a seed. */
export function planOf(seed: number): Step[] {
  const random = new Random(seed, 1)
  const count = random.between(20, 90)
  // Some histories are dense, so that things meet; in others there is time for each to have its end.
  const meanGapMs = random.pick([20, 150, 600])
  // Some faults do not happen at all in some histories: they would hide others.
  const absent = new Set(
    WEIGHTS.filter(([act]) => act !== 'acquire' && random.chance(0.25)).map(([act]) => act),
  )
  const steps: Step[] = []
  let at = 0
  while (steps.length < count) {
    const act = actOf(random)
    at += random.below(2 * meanGapMs)
    if (absent.has(act)) continue
    const step = stepOf(act, at, random)
    steps.push(step)
    if (step.act === 'acquire' || step.act === 'release') steps.push(...followUps(step, absent, random))
  }
  return steps.sort((one, other) => one.at - other.at)
}

/** What meets a request on its way: faults are worth most there. */
function followUps({ at, ...step }: Step, absent: ReadonlySet<Act>, random: Random): Step[] {
  if (!('caller' in step) || !random.chance(0.2)) return []
  const act = random.pick(['cut', 'kill daemon', 'kill caller', 'acquire', 'replay', 'stop daemon'] as const)
  if (absent.has(act)) return []
  const soon = stepOf(act, at + random.below(10), random)
  return ['caller' in soon ? { ...soon, caller: step.caller } : soon]
}

function actOf(random: Random): Act {
  let at = random.below(TOTAL)
  for (const [act, weight] of WEIGHTS) {
    at -= weight
    if (at < 0) return act
  }
  return 'acquire'
}

function stepOf(act: Act, at: number, random: Random): Step {
  const caller = random.below(CALLERS)
  const ms = random.between(50, 6000)
  const which = random.below(4)
  const startsInMs = random.chance(0.8) ? random.between(5, 800) : random.between(800, 6500)
  switch (act) {
    case 'acquire': {
      const application = random.pick([
        'ivr',
        'ivr',
        'brief',
        'default',
        'default',
        'default',
        'default',
      ] as const)
      const patienceMs = random.chance(0.2) ? random.below(300) : null
      return { at, act, caller, key: random.below(5), application, patienceMs }
    }
    case 'kill caller':
      return { at, act, caller, startsInMs }
    case 'kill daemon': {
      const point = random.pick([
        null,
        'before the commit',
        'after the commit',
        'between the replies',
      ] as const)
      const kinds = ['removed', 'garbage', 'torn', 'flipped bytes'] as const
      return { at, act, point, startsInMs, damage: random.chance(0.2) ? random.pick(kinds) : null }
    }
    case 'stop daemon':
      return { at, act, drainMs: random.below(900), startsInMs }
    case 'disk':
      return { at, act, bytesLeft: random.pick([0, 9, 60]), ms }
    case 'license':
      return { at, act, file: random.below(licenses.length) }
    case 'licensing server':
      return { at, act, file: random.below(licenses.length), ms }
    case 'wall clock': {
      const days = random.pick([-2, 2, 90])
      return { at, act, byMs: random.chance(0.5) ? days * DAY_MS : random.between(-300_000, 300_000), ms }
    }
    case 'wall rate':
      return { at, act, rate: random.pick([0.9, 0.999, 1.001, 1.1]) }
    case 'hide processes':
      return { at, act, ms }
    case 'pause':
      return { at, act, caller, ms }
    case 'move journal':
      return { at, act }
    case 'release':
    case 'replay':
    case 'forge':
      return { at, act, caller, which }
    case 'cut':
    case 'half-open':
      return { at, act, caller }
  }
}
