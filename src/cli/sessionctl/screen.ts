import { stripVTControlCharacters } from 'node:util'

const ESC = '\u001b'
const ENTER = `${ESC}[?1049h${ESC}[?25l`
const CTRL_C = 3
const LEAVE = `${ESC}[?25h${ESC}[?1049l`

/** A full screen on a terminal, which is left as it was found. */
export class Screen {
  #lines: readonly string[] = []
  readonly #onResize = () => this.draw(this.#lines)
  readonly #onKey: (key: Buffer) => void

  /** @param onQuit is told of `q` and Ctrl-C, which is no signal while keys are read one by one */
  constructor(onQuit: () => void) {
    this.#onKey = key => {
      if (key.includes('q') || key.includes('Q') || key.includes(CTRL_C)) onQuit()
    }
  }

  /** A terminal that does not know its size says 0. */
  get columns(): number {
    return process.stdout.columns || 80
  }

  enter(): void {
    process.stdout.write(ENTER)
    process.stdout.on('resize', this.#onResize)
    if (!process.stdin.isTTY) return
    process.stdin.setRawMode(true)
    process.stdin.on('data', this.#onKey)
    process.stdin.resume()
  }

  draw(lines: readonly string[]): void {
    this.#lines = lines
    const rows = Math.max(1, (process.stdout.rows || 24) - 1)
    const shown = lines.slice(0, rows).map(line => `${this.#fit(line)}${ESC}[K`)
    process.stdout.write(`${ESC}[H${shown.join('\r\n')}${ESC}[J`)
  }

  leave(): void {
    process.stdout.off('resize', this.#onResize)
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#onKey)
      process.stdin.setRawMode(false)
      process.stdin.pause()
    }
    process.stdout.write(LEAVE)
  }

  /** A line that does not fit loses its colors with its end, since a cut in a color would stain what follows. */
  #fit(line: string): string {
    const plain = stripVTControlCharacters(line)
    return plain.length <= this.columns ? line : plain.slice(0, this.columns)
  }
}
