import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StateStore } from '../../../src/daemon/state-store.ts'
import { Fault } from '../../../src/errors.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import type { Random } from '../random.ts'
import { ensure, type Target } from '../target.ts'

const codes = new Set(['state-too-new', 'state-not-usable'])

/** State databases with damage. */
export const states: Target = {
  name: 'states',
  kind: 'documents',
  async open(t) {
    const folder = mkdtempSync(join(tmpdir(), 'sessiond-fuzz-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const good = makeGood(join(folder, 'good.db'))
    return {
      make: random => damage(good, random),
      judge: async input => judge(join(folder, 'state.db'), input),
    }
  },
}

function makeGood(path: string): Buffer {
  const store = new StateStore(path, 0, () => undefined)
  for (let number = 0; number < 8; number++) store.acceptLicense(`license ${number} `.repeat(60), number)
  store.write('license-time', '1796000000000')
  store.close()
  return readFileSync(path)
}

function judge(path: string, input: Buffer): string {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
  writeFileSync(path, input)
  let outcome = 'read'
  try {
    const store = new StateStore(path, 0, () => {
      outcome = 'set aside'
    })
    try {
      use(store)
    } finally {
      store.close()
    }
    return outcome
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    ensure(codes.has(error.code), `The code ${error.code} is not documented.`)
    return error.code
  }
}

/** What the daemon does with it at a start. */
function use(store: StateStore): void {
  store.latestLicense()
  store.licenses()
  store.read('license-time')
  store.write('license-time', '1')
  ensure(store.read('license-time') === '1', 'What was written is not there.')
  store.acceptLicense('another', 9)
  ensure(store.latestLicense() === 'another', 'A license that was accepted is not there.')
}

/** Most of a page is empty: damage goes where something is. */
function damage(good: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(good)
  if (random.chance(20)) return mutateBytes(bytes, random)
  for (let rounds = random.between(1, 6); rounds > 0; rounds--) {
    let at = random.chance(40) ? random.below(110) : random.below(bytes.length)
    while (at < bytes.length - 1 && bytes[at] === 0) at++
    bytes[at] = random.chance(50) ? bytes[at]! ^ (1 << random.below(8)) : random.below(256)
  }
  return bytes
}
