// docs/operations.md, typed from its first command to its last.
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SessionClient } from '../../src/client/index.ts'
import { freePort } from '../support/free-port.ts'
import { commandsOf, fencesOf, patternOf } from './console-blocks.ts'
import { DocumentedMachine } from './documented-machine.ts'
import { shortFolder } from './vendor.ts'

// Four dozen programs, on a machine that may be busy.
t.setTimeout(300_000)

const document = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const missing = ['sqlite3', 'tar', 'curl'].filter(tool => spawnSync('which', [tool]).status !== 0)
const KEY = /^[0-9A-Z]{5}(?:-[0-9A-Z]{5}){4}$/m

type Machines = Record<'vendor' | 'machine' | 'new-machine', DocumentedMachine>

async function succeed(machine: DocumentedMachine, ...commands: string[]): Promise<string> {
  let said = ''
  for (const command of commands) {
    const { output, code } = await machine.type(command)
    if (code !== 0) throw new Error(`${command}: ${code} ${output}`)
    said += output
  }
  return said
}

function keyFile(machine: DocumentedMachine, name: string, said: string): void {
  writeFileSync(join(machine.folder, 'home', name), `${KEY.exec(said)?.[0]}\n`, { mode: 0o600 })
}

/** What docs/install.md brings about, and the document begins with: a vendor with a pool, and two machines. */
async function installed(t: Test): Promise<Machines> {
  const folder = shortFolder(t)
  const licensing = await freePort()
  const make = async (name: string, service: 'sessiond' | 'licensing-server') =>
    new DocumentedMachine(t, join(folder, name), service, { licensing, operations: await freePort() })
  const vendor = await make('v', 'licensing-server')
  const machines = {
    vendor,
    machine: await make('m', 'sessiond'),
    'new-machine': await make('n', 'sessiond'),
  }
  const authority = '/var/lib/licensing-server/authority'
  const said = await succeed(
    vendor,
    `licensing-server init --dir ${authority} --organization Example`,
    'licensing-server customer add acme --name "Acme Telecom" --representative Ada --email ada@vendor.example',
    'licensing-server pool open acme --id acme-calls --sessions 100 --versions 5.0..5.x --expires 2099-12-31',
    'licensing-server key create acme-calls',
    'systemctl start licensing-server',
  )
  for (const name of ['machine', 'new-machine'] as const) {
    cpSync(join(vendor.folder, authority, 'trust'), join(machines[name].folder, 'etc/sessiond/trust'), {
      recursive: true,
    })
    keyFile(machines[name], 'installation.key', said)
    await succeed(machines[name], 'systemctl start sessiond')
  }
  return machines
}

function installationIn(said: string): string {
  return /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(said)![0]
}

t.test(
  'what docs/operations.md shows is what happens',
  { skip: missing.length === 0 ? false : `${missing.join(', ')} is not on this machine` },
  async t => {
    const machines = await installed(t)
    const { machine, vendor } = machines
    let client: SessionClient | undefined
    t.teardown(() => client?.close())
    const typed: string[] = []

    /** What a reader does between two commands, and what must be so there. */
    const before: Record<string, () => Promise<void>> = {
      'sqlite3 /var/lib/sessiond/state.db': async () => {
        client = new SessionClient({ socketPath: join(machine.folder, 'run/sessiond/sessiond.sock') })
        t.match(await client.acquire({ key: 'a' }), { granted: true })
      },
      'systemctl stop sessiond-reactivate.timer': async () => {
        await succeed(machine, 'sessionctl reactivate --sessions 20')
        t.match(await succeed(machine, 'sessionctl status'), ' 1 of 20 in use')
      },
      'sessionctl audit --verify': async () => {
        t.match(await succeed(machine, 'sessionctl license show'), /^Sessions +10$/m, 'that of the backup')
      },
      'licensing-server installation list': async () => {
        const status = await succeed(machine, 'sessionctl status')
        t.match(status, ' 1 of 20 in use', 'all is back, and the call holds its session')
      },
    }

    for (const fence of fencesOf(document)) {
      const [language, name] = fence.words
      if (language !== 'console') continue
      const where = machines[name as keyof Machines]
      for (const { command, expected } of commandsOf(fence)) {
        for (const [start, act] of Object.entries(before)) {
          if (command.startsWith(start) && !typed.some(each => each.startsWith(start))) await act()
        }
        typed.push(command)
        const show = () => succeed(vendor, 'licensing-server installation list')
        const whole = command.includes('INSTALLATION')
          ? command.replace('INSTALLATION', installationIn(await show()))
          : command
        const { output, code } = await where.type(whole)
        t.equal(code, 0, `operations.md:${fence.line}: ${command}${code === 0 ? '' : `\n${output}`}`)
        if (expected.length > 0) t.match(output, patternOf(expected), command)
        if (command.includes('--standing clone-suspected')) t.match(output, installationIn(await show()))
        if (command.includes('transfer start')) keyFile(machines['new-machine'], 'transfer.key', output)
      }
    }
    for (const start of Object.keys(before))
      t.ok(
        typed.some(each => each.startsWith(start)),
        start,
      )
    t.ok(typed.length > 40, `${typed.length} commands`)
    const { output } = await machine.type('sessionctl license show')
    t.match(output, /^State +deactivated$/m, 'the old machine grants nothing more')
    const old = await machine.type('sessionctl status')
    t.match(old.output, ' 1 of 0 in use', 'its call runs on')
  },
)
