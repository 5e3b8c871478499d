import { stderr, stdin } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { Fault } from '../errors.ts'

export const yesOption = {
  type: 'boolean',
  default: false,
  describe: 'Do not ask whether it is meant',
} as const

/**
 * Asks before something that cannot be undone. A Fault `confirmation-required` where nobody is there to answer and
 * `--yes` was not given, `interrupted` where the answer is anything but yes.
 */
export async function confirm(what: string, yes: boolean): Promise<void> {
  if (yes) return
  if (!stdin.isTTY) {
    throw new Fault('confirmation-required', `This has to be confirmed: ${what} It cannot be undone.`, {
      hint: 'If it is meant, say so: --yes.',
    })
  }
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await terminal.question(`${what} This cannot be undone. Go on? [yes/no] `)
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    terminal.close()
  }
  throw new Fault('interrupted', 'Nothing was changed.')
}
