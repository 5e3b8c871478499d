// Stands in for the package string-width in the build: its tables of all emoji take a twelfth of a start.

// biome-ignore lint/suspicious/noControlCharactersInRegex: colors begin with one
const COLOR = /\u001b\[[0-9;]*m/g

/** East Asian characters and emoji, which take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** Columns that the text takes on a terminal. */
export default function textWidth(text: string): number {
  let width = 0
  for (const character of text.replace(COLOR, '')) width += WIDE.test(character) ? 2 : 1
  return width
}
