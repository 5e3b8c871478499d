import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type AuditDraft, thisProcess } from '../../daemon/audit/event.ts'
import { type Clocks, systemClocks } from '../../daemon/clocks.ts'
import type { Config } from '../../daemon/config/schema.ts'
import { openState } from '../../daemon/databases.ts'
import { type Licensed, LicenseKeeper } from '../../daemon/license/license-keeper.ts'
import { readTrust, trustSourcesOf } from '../../daemon/license/trust.ts'
import { readIdentity } from '../../daemon/machine/identity.ts'
import { Exchange } from '../../daemon/reactivation/exchange.ts'
import { exchangeLockFile, lockExchange } from '../../daemon/reactivation/exchange-lock.ts'
import { type ReactivationRecord, RecordBook } from '../../daemon/reactivation/record.ts'
import { isDue } from '../../daemon/reactivation/schedule.ts'
import type { StateStore } from '../../daemon/state-store.ts'
import { Fault } from '../../errors.ts'
import { createLogger, type Logger } from '../../log.ts'
import { isThere } from '../../who-may.ts'
import { makeFolder } from '../../write-file.ts'
import type { Terminal } from '../terminal.ts'

/** The license of this machine, opened for a command: with the parts that the daemon itself is made of. */
export interface OwnLicense {
  readonly keeper: LicenseKeeper
  readonly exchange: Exchange
  readonly state: StateStore
  /** Whether license and past say that it is time for a reactivation. */
  readonly isDue: () => boolean
}

/** The daemon has asked within this time, or something is wrong with it. */
const LOCK_PATIENCE_MS = 60_000
const LOCK_POLL_MS = 100

/**
 * Opens state, machine key and license of this machine, whether its daemon runs or not, and keeps the daemon from
 * talking to the licensing server while `act` does.
 *
 * @throws {Fault} those of trust, state and machine key; `not-permitted`; `exchange-busy` (retryable)
 */
export async function withOwnLicense<T>(
  config: Config,
  licensed: Licensed,
  terminal: Terminal,
  act: (own: OwnLicense) => Promise<T>,
  clocks: Clocks = systemClocks,
): Promise<T> {
  const own = await open(config, licensed, terminal, clocks)
  try {
    return await act(own)
  } finally {
    own.close()
  }
}

async function open(
  config: Config,
  licensed: Licensed,
  terminal: Terminal,
  clocks: Clocks,
): Promise<OwnLicense & { close(): void }> {
  // Told as the fault that it is: the daemon only logs it, and goes on without a license.
  await readTrust(trustSourcesOf(config))
  const lock = join(config.stateDirectory, exchangeLockFile)
  // Told by name, where SQLite would only say that it cannot open a database.
  isThere(lock, 'write')
  makeFolder(config.stateDirectory, 0o700)
  const unlock = await waitForLock(lock, terminal)
  const log = terminalLog(terminal)
  let state: StateStore | null = null
  try {
    state = openState(config.stateDirectory, log, thisProcess('sessionctl', terminal.environment))
    const archive = archiveOf(state, licensed.product)
    const keeper = await LicenseKeeper.open({ config, licensed, archive, clocks, log })
    const book = new RecordBook(state, licensed.product)
    const exchange = new Exchange({
      installation: keeper,
      identify: () => readIdentity(config),
      book,
      now: clocks.wallNow,
      onProblem: ({ message }) => terminal.say(`warning: a revocation list was not kept. ${message}`),
    })
    const isDue = () => isReactivationDue(config, keeper, book.read(), clocks.wallNow())
    return { keeper, exchange, state, isDue, close: () => closeAll(state, unlock) }
  } catch (error) {
    closeAll(state, unlock)
    throw error
  }
}

function isReactivationDue(
  { reactivation: { intervalSeconds } }: Config,
  { license, identity, lifecycle }: LicenseKeeper,
  { version, past, confirmedLicenseId }: ReactivationRecord,
  now: number,
): boolean {
  // Chance that stays the same until something happens, and differs between machines.
  const dice = createHash('sha256').update(`${license?.licenseId} ${version}`).digest().readUInt32BE()
  return isDue({
    license,
    isLost: license === null && identity !== null,
    urgent: lifecycle.state !== 'active',
    confirmedLicenseId,
    past,
    intervalMs: intervalSeconds === null ? null : intervalSeconds * 1000,
    now,
    random: dice / 2 ** 32,
  })
}

function closeAll(state: StateStore | null, unlock: () => void): void {
  state?.close()
  unlock()
}

async function waitForLock(path: string, terminal: Terminal): Promise<() => void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS
  for (let told = false; ; told = true) {
    const unlock = lockExchange(path)
    if (unlock !== null) return unlock
    if (performance.now() > deadline) {
      throw new Fault('exchange-busy', 'Another program of this machine talks to the licensing server.', {
        hint: 'Is another sessionctl running? See: pgrep -af sessionctl',
        retryable: true,
      })
    }
    if (!told) terminal.say('Waiting until the daemon has asked the licensing server …')
    await delay(LOCK_POLL_MS)
  }
}

/** What the parts of the daemon would log, as talk: warnings and errors alone. */
export function terminalLog(terminal: Terminal): Logger {
  const write = (line: string) => {
    const { level, message, hint } = JSON.parse(line) as { level: string; message: string; hint?: string }
    terminal.say(`${level === 'warn' ? 'warning' : 'error'}: ${message}`)
    if (hint !== undefined) terminal.say(`hint: ${hint}`)
  }
  return createLogger({ level: 'error', destination: { write } })
}

/** What keeps the licenses of a product: of one that no daemon enforces, the named values of the state. */
export function archiveOf(state: StateStore, product: Licensed['product']) {
  return product === 'call-services' ? state : namedArchiveOf(state, product)
}

function namedArchiveOf(state: StateStore, product: string) {
  const name = `license ${product}`
  return {
    read: (key: string) => state.read(`${key} ${product}`),
    write: (key: string, value: string) => state.write(`${key} ${product}`, value),
    latestLicense: () => state.read(name),
    licenses() {
      const text = state.read(name)
      return text === null ? [] : [{ text }]
    },
    acceptLicense(
      text: string,
      _acceptedAt: number,
      guard: { after: string | null; lay: () => void; event: AuditDraft },
    ): boolean {
      let accepted = false
      const accept = (latest: string | null) => {
        if (latest !== guard.after && latest !== text) return null
        guard.lay()
        accepted = true
        return text
      }
      state.change(name, accept, { ...guard.event, detail: { ...guard.event.detail, product } })
      return accepted
    },
  }
}
