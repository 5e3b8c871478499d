import { Fault, messageOf } from '../../../errors.ts'

/** What one check found. `skipped`: it does not apply here, or cannot be made. */
export interface Finding {
  readonly check: string
  readonly result: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly message: string
  /** The command that mends it, or what to do; null where nothing needs to be done. */
  readonly mend: string | null
}

export function ok(check: string, message: string): Finding {
  return { check, result: 'ok', message, mend: null }
}

export function skipped(check: string, message: string): Finding {
  return { check, result: 'skipped', message, mend: null }
}

export function warning(check: string, message: string, mend: string): Finding {
  return { check, result: 'warning', message, mend }
}

export function failed(check: string, message: string, mend: string): Finding {
  return { check, result: 'failed', message, mend }
}

/** A check that meets a fault has found one: the next checks are made all the same. */
export async function finding(check: string, look: () => Finding | Promise<Finding>): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    const hint = error instanceof Fault ? error.hint : undefined
    return failed(check, messageOf(error), hint ?? 'Run it with sudo: sudo sessionctl doctor')
  }
}
