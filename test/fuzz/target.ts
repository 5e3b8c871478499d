import type { TearDown } from '../support/site.ts'
import type { Random } from './random.ts'

/** One kind of input that comes from outside. */
export interface Target {
  readonly name: string
  /** What one case is counted as: a case of frames holds many. */
  readonly kind: 'frames' | 'documents'
  /** How long one case may take, on a loaded machine. */
  readonly boundMs?: number
  /** Sets up what is attacked. It ends with `t`. */
  open(t: TearDown): Promise<Attack>
}

export interface Attack {
  /** The input of one case; the same numbers make the same bytes. */
  make(random: Random): Buffer | Promise<Buffer>
  /** Gives the input to the product and holds the answer against the oracle. Gives the outcome in a word. */
  judge(input: Buffer): Promise<string>
  /** Frames in an input; without it every input is one. */
  count?(input: Buffer): number
  /** What must hold when all is over. */
  finish?(): Promise<void>
}

/** What an oracle says where something must not be. */
export function ensure(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
