import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig as loadDaemon } from '../../../src/daemon/config/load.ts'
import { Fault } from '../../../src/errors.ts'
import { loadConfig as loadServer } from '../../../src/licensing-server/config/load.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'

const codes = new Set(['config-not-found', 'config-not-readable', 'config-invalid'])
const samples = ['sessiond.yaml', 'licensing-server.yaml'].map(name =>
  // Only what is set: comments are most of the file, and damage to them is none.
  readFileSync(join(import.meta.dirname, '../../../config', name), 'utf8')
    .replace(/^ *#.*\n/gm, '')
    .replace(/ +# .*$/gm, ''),
)
const pieces = [
  '&a [*a]',
  '*a',
  '!!binary x',
  '!!js/function x',
  '<<: {x: 1}',
  '? a',
  '|\n  x',
  '{}',
  '[]',
  '~',
]
  .concat([
    '1e999',
    '0x7f',
    '.nan',
    '"\\ud800"',
    '2026-11-24',
    '- - -',
    '%YAML 1.1',
    '---',
    '...',
    '\t',
    "''",
    '-1',
  ])
  .concat(['constructor: 1', '__proto__: {a: 1}', 'on', '1_000', '0o17', '&a {a: *a}', ': :', '#'])

/** Configuration files of both programs. The first byte tells which. */
export const configurations: Target = {
  name: 'configurations',
  kind: 'documents',
  async open(t) {
    const folder = mkdtempSync(join(tmpdir(), 'sessiond-fuzz-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'config.yaml')
    return { make, judge: async input => judge(file, input) }
  },
}

function make(random: Random): Buffer {
  const which = random.below(2)
  const lines = samples[which]!.split('\n')
  if (random.chance(30)) {
    const damaged = mutateBytes(Buffer.from(samples[which]!), random)
    return Buffer.concat([Buffer.of(which), damaged])
  }
  for (let rounds = random.between(1, 4); rounds > 0; rounds--) changeLine(lines, random)
  return Buffer.concat([Buffer.of(which), Buffer.from(lines.join('\n'))])
}

function changeLine(lines: string[], random: Random): void {
  const at = random.below(lines.length)
  const line = lines[at] ?? ''
  const piece = random.pick(pieces)
  switch (random.below(6)) {
    case 0:
      lines.splice(at, 1)
      return
    case 1:
      lines.splice(random.below(lines.length), 0, line)
      return
    case 2:
      lines[at] = `  ${line}`
      return
    case 3:
      lines.splice(at, 0, piece)
      return
    default:
      lines[at] = line.replace(/:.*$/, `: ${piece}`)
  }
}

function judge(file: string, input: Buffer): string {
  writeFileSync(file, input.subarray(1))
  const load = input[0] === 0 ? loadDaemon : loadServer
  try {
    const { config } = load({ file, environment: {}, workingDirectory: '/' })
    ensure(JSON.stringify(config).length < 100_000, 'A configuration grew out of its file.')
    ensure(Object.keys(Object.prototype).length === 0, 'A file changed the prototype of everything.')
    return 'read'
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    ensure(codes.has(error.code), `The code ${error.code} is not documented.`)
    ensure(error.message.length < 50_000, 'The problems of a file are told at any length.')
    return error.code
  }
}
