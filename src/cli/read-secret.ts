import { stderr, stdin } from 'node:process'
import { text } from 'node:stream/consumers'
import { Fault } from '../errors.ts'

const ENTER = /[\r\n]/
const INTERRUPT = '\u0003'
const END = '\u0004'
const BACKSPACE = /[\b\u007f]/

/** A secret is a line of at most so many characters. */
const MAX_LENGTH = 1000

/**
 * A secret from standard input: typed at a prompt, without an echo, where that is a terminal; else its first line.
 * A Fault `interrupted` where the person at the terminal gives up.
 */
export async function readSecret(prompt: string): Promise<string> {
  if (!stdin.isTTY) return (await text(stdin)).split('\n')[0]!.trim()
  // Before the prompt: whoever answers it at once is not shown either.
  stdin.setRawMode(true)
  stderr.write(prompt)
  stdin.setEncoding('utf8')
  try {
    return await typedLine()
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}

function typedLine(): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = ''
    const end = (settle: () => void) => {
      stdin.off('data', onData)
      settle()
    }
    const onData = (typed: string) => {
      for (const character of typed) {
        if (character === INTERRUPT || (character === END && line === ''))
          return end(() => reject(interrupted()))
        if (ENTER.test(character) || character === END) return end(() => resolve(line.trim()))
        if (BACKSPACE.test(character)) line = line.slice(0, -1)
        else if (line.length < MAX_LENGTH) line += character
      }
    }
    stdin.on('data', onData)
  })
}

function interrupted(): Fault {
  return new Fault('interrupted', 'Interrupted: nothing was changed.')
}
