import fc from 'fast-check'
import type { ProcessIdentity } from '../../src/session/client-table.ts'
import type { ApplicationPolicy, RefusalReason, SessionPolicy } from '../../src/session/policy.ts'

/** One thing that happens to the daemon. Numbers pick from what there is at that moment. */
export type Step =
  | { readonly do: 'attach'; readonly identity: string | null; readonly process: ProcessIdentity | null }
  | { readonly do: 'detach'; readonly connection: number }
  | {
      readonly do: 'acquire'
      readonly connection: number
      readonly application: string
      readonly key: string
    }
  | { readonly do: 'release'; readonly token: number; readonly cause: 'released' | 'operator' }
  | { readonly do: 'resume'; readonly connection: number; readonly tokens: readonly number[] }
  | { readonly do: 'resume-all'; readonly connection: number }
  | {
      readonly do: 'forge'
      readonly connection: number
      readonly token: number
      readonly at: number
      readonly character: string
    }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'expire' }
  | { readonly do: 'process-dies'; readonly process: ProcessIdentity }
  | { readonly do: 'policy'; readonly policy: SessionPolicy }
  | { readonly do: 'drain' }
  | { readonly do: 'journal-breaks' }
  | { readonly do: 'journal-heals' }

/** How a turn of the event loop ends: its changes are committed and its replies leave, or not quite. */
export type TurnEnd = 'replied' | 'crash-before-commit' | 'crash-after-commit'

export interface Turn {
  readonly steps: readonly Step[]
  readonly end: TurnEnd
}

export interface History {
  readonly policy: SessionPolicy
  readonly turns: readonly Turn[]
}

/** Two processes with one pid: the number was used again. */
const PROCESSES: ProcessIdentity[] = [
  { pid: 11, startTime: 100 },
  { pid: 11, startTime: 200 },
  { pid: 12, startTime: 100 },
]
const REFUSALS: RefusalReason[] = [
  'unlicensed',
  'license-expired',
  'license-deactivated',
  'reactivation-required',
  'machine-mismatch',
]
const APPLICATIONS = ['ivr', 'voicemail', 'fax']

const pick = fc.nat({ max: 20 })
const process = fc.constantFrom(...PROCESSES)

const applicationPolicy: fc.Arbitrary<ApplicationPolicy> = fc.record({
  max: fc.option(fc.integer({ min: 0, max: 3 })),
  feature: fc.option(fc.constant('voice')),
  maxDurationMs: fc.option(fc.constantFrom(1500, 4000)),
})

const policy: fc.Arbitrary<SessionPolicy> = fc.record({
  limit: fc.integer({ min: 0, max: 6 }),
  refusal: fc.option(fc.constantFrom(...REFUSALS), { freq: 6 }),
  features: fc.constantFrom(new Set<string>(), new Set(['voice'])),
  applications: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...APPLICATIONS), applicationPolicy), {
      selector: ([name]) => name,
      maxLength: 2,
    })
    .map(entries => new Map(entries)),
  maxSessionsPerClient: fc.constantFrom(1, 3, 100, 100),
  maxApplications: fc.constantFrom(2, 1024, 1024),
  resumeWindowMs: fc.constantFrom(1000, 3000),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('attach' as const),
      identity: fc.option(fc.constantFrom('a', 'b'), { freq: 3 }),
      process: fc.option(process, { freq: 2 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('detach' as const), connection: pick }) },
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      connection: pick,
      application: fc.constantFrom(...APPLICATIONS),
      key: fc.constantFrom('call-1', 'call-2', 'call-3', 'call-4'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      token: pick,
      cause: fc.constantFrom('released' as const, 'released' as const, 'operator' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('resume' as const),
      connection: pick,
      tokens: fc.array(pick, { maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('resume-all' as const), connection: pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('forge' as const),
      connection: pick,
      token: pick,
      at: fc.nat({ max: 120 }),
      character: fc.constantFrom(...'0AQgw-_.=~'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 500, 1000, 3000) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'expire' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('process-dies' as const), process }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('policy' as const), policy }) },
  { weight: 1, arbitrary: fc.constant({ do: 'drain' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'journal-breaks' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'journal-heals' as const }) },
)

const turn: fc.Arbitrary<Turn> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4, size: 'max' }),
  end: fc.oneof(
    { weight: 10, arbitrary: fc.constant('replied' as const) },
    { weight: 1, arbitrary: fc.constant('crash-before-commit' as const) },
    { weight: 1, arbitrary: fc.constant('crash-after-commit' as const) },
  ),
})

/** Chance alone would seldom make a grant that only its signed token can prove after the crash. */
const outage: fc.Arbitrary<Turn[]> = fc
  .tuple(fc.array(turn, { maxLength: 2 }), step, step)
  .map(([turns, before, after]) => [
    { steps: [{ do: 'journal-breaks' }, { do: 'attach', identity: 'a', process: null }], end: 'replied' },
    { steps: [before, { do: 'acquire', connection: 0, application: 'ivr', key: 'call-1' }], end: 'replied' },
    { steps: [after], end: 'crash-before-commit' },
    ...turns,
  ])

/** A random life of a daemon, with its clients, its license, its journal and its crashes. */
export const history: fc.Arbitrary<History> = fc.record({
  policy,
  turns: fc
    .array(fc.oneof({ weight: 15, arbitrary: turn.map(one => [one]) }, { weight: 1, arbitrary: outage }), {
      maxLength: 25,
      size: 'max',
    })
    .map(turns => turns.flat()),
})
