import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { progressOn } from '../../src/cli/licensing-server/ledger.ts'
import { openLedger } from '../../src/licensing-server/store/open.ts'
import { invoke } from '../cli/invoke.ts'
import { authorityFolder } from '../support/site.ts'
import { Machine } from './vendor.ts'

/** The representative at the command line, on a ledger of their own. */
class Desk {
  readonly folder: string
  readonly #location: string

  constructor(t: Test) {
    this.folder = t.testdir({})
    this.#location = join(this.folder, 'ledger.sqlite')
  }

  /** The exit code and both streams of one command. */
  run(command: string, ...more: string[]) {
    const at = ['--ledger.location', this.#location, '--authority.directory', authorityFolder, '--as', 'ada']
    return invoke('licensing-server', [...command.split(' '), ...more, ...at], { cwd: this.folder })
  }

  /** What a command prints for programs. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any command; each test says what it expects
  async json(command: string, ...more: string[]): Promise<any> {
    const { stdout, stderr } = await this.run(command, ...more, '--json')
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout)
  }

  /** A customer with a pool of 100, and a key for it. */
  async open(): Promise<string> {
    await this.run(
      'customer add acme --name Acme --representative',
      'Ada Lovelace',
      '--email',
      'ada@vendor.example',
    )
    await this.run('pool open acme --id calls --sessions 100 --versions 5.0..5.x')
    return (await this.json('key create calls')).installationKey
  }

  /** Answers a machine's request by file; returns the JSON of the answer. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async answer(request: string, key?: string, ...more: string[]): Promise<any> {
    writeFileSync(join(this.folder, 'request.jws'), `${request}\n`)
    if (key !== undefined) writeFileSync(join(this.folder, 'key'), `${key}\n`)
    return this.json('answer request.jws', ...(key === undefined ? [] : ['--key-file', 'key']), ...more)
  }
}

t.test('customers', async t => {
  const desk = new Desk(t)
  const add = 'customer add acme --name Acme --representative Ada --email ada@vendor.example --phone 123'
  t.match(await desk.json(add), {
    customerId: 'acme',
    name: 'Acme',
    representative: { name: 'Ada', email: 'ada@vendor.example', phone: '123' },
  })
  t.match(await desk.run(add), { code: 1, stdout: '', stderr: /There is a customer acme already/ })
  t.match(
    await desk.json('customer change acme --name Bell --representative Grace --email g@v.example --phone 4'),
    {
      name: 'Bell',
      representative: { name: 'Grace', email: 'g@v.example', phone: '4' },
    },
  )
  t.match(await desk.json('customer change acme --phone 123'), { name: 'Bell' })
  t.match(
    (await desk.run('customer list')).stdout,
    /^Customer +name +account representative[^\n]*\nacme +Bell +Grace/,
  )
  t.match(await desk.json('customer list --after acme'), [])
  t.match(await desk.json('customer show acme'), { customerId: 'acme', pools: [] })
  t.match(await desk.run('customer show bell'), { code: 1, stderr: /There is no customer bell/ })
})

t.test('pools and their terms', async t => {
  const desk = new Desk(t)
  await desk.open()
  const opened = await desk.json(
    'pool open acme --product studio --seats 5 --versions 5 --expires 2027-12-31 --grace-days 3 --feature a --feature b',
    ...'--reactivate-hours 12 --required-within-days 30 --overdraft 10/60 --offline-admission 5/300'.split(
      ' ',
    ),
    '--no-reservations',
    '--no-emergency',
  )
  t.match(opened, {
    poolId: /^pool-[0-9a-f]{8}$/,
    product: 'studio',
    total: 5,
    claimed: 0,
    terms: {
      versions: { from: '5', to: '5' },
      expiresAt: '2027-12-31T23:59:59Z',
      graceDays: 3,
      features: ['a', 'b'],
      reactivation: { intervalHours: 12, requiredWithinDays: 30 },
      overdraft: { sessions: 10, minutes: 60 },
      offlineAdmission: { calls: 5, seconds: 300 },
      reservationsAllowed: false,
      emergencyClass: false,
    },
  })
  const { poolId } = opened
  const changed = await desk.json(
    `pool change ${poolId} --expires never --overdraft none --offline-admission none --required-within-days never`,
    '--feature',
    '',
  )
  t.match(changed.terms, {
    expiresAt: null,
    overdraft: null,
    offlineAdmission: null,
    features: [],
    reactivation: { intervalHours: 12, requiredWithinDays: null },
    graceDays: 3,
  })
  t.match((await desk.run(`pool show ${poolId}`)).stdout, /Emergency {5}no class of its own/)
  await desk.run(`pool change ${poolId} --expires 2027-12-31`)
  t.match(
    (await desk.run(`ledger history pool/${poolId}`)).stdout,
    /ada +terms-changed +features=none expiresAt=none graceDays=3 .*overdraft=none.*\n.* expiresAt=2027-12-31T23:59:59Z .*versions\.from=5/,
    'an auditor reads what the terms became',
  )
  t.match(
    (await desk.run(`pool show ${poolId}`)).stdout,
    /Grace {9}3 days, until 2028-01-03 23:59:59 UTC/,
    'grace, and its end',
  )
  t.match((await desk.run('pool show calls')).stdout, /100 sessions +0 +100 +5\.0\.\.5\.x +never/)
  t.match(await desk.json('pool list --customer acme'), { length: 2 })
  t.match(await desk.json('pool list --customer bell'), [])

  t.match(await desk.run('pool add-sessions calls 20'), {
    code: 1,
    stderr: /has to be confirmed: 20 sessions are added to the 100 of pool calls\..*\n.*--yes/,
  })
  t.match(await desk.json('pool add-sessions calls 20 --yes'), { total: 120 })
  t.match(await desk.json(`pool add-seats ${poolId} 1 --yes`), { total: 6 })
  t.match(await desk.run(`pool add-sessions ${poolId} 1 --yes`), { code: 2, stderr: /it has no sessions/ })

  const wrong: [string, RegExp][] = [
    ['pool open acme --sessions 5', /Missing required argument: versions/],
    ['pool open acme --product studio --sessions 5 --versions 5', /counted in seats/],
    ['pool open acme --sessions 5 --seats 5 --versions 5', /counted in sessions/],
    ['pool open acme --sessions 5 --versions 5..6..7', /no range of versions/],
    ['pool add-sessions calls 5x --yes', /How many sessions are added is a whole number from 1 on/],
    ['pool add-sessions calls 0 --yes', /How many sessions are added is a whole number from 1 on/],
    ['pool add-seats calls 5 --yes', /it has no seats\.\nhint: .*pool add-sessions calls N/],
    ['pool change calls', /Nothing to change was named\.\nhint: /],
    ['customer change acme', /Nothing to change was named\.\nhint: /],
    ['pool change calls --versions 6..5', /No version is from 6 to 5\.\nhint: /],
    ['ledger history vendor --events abc', /a whole number from 1 to 100000/],
    ['ledger history vendor --events -1', /a whole number from 1 to 100000/],
    ['pool change calls --overdraft 5', /--overdraft 5 cannot be read/],
    ['pool change calls --required-within-days soon', /no number of days/],
    ['pool change calls --expires 2027-02-30', /no day of the calendar/],
  ]
  for (const [command, why] of wrong) {
    const { code, stderr } = await desk.run(command)
    t.ok(code === 1 || code === 2, command)
    t.notMatch(stderr, /^ +at /m, 'no stack')
    t.match(stderr, why)
  }
})

t.test('keys are shown once', async t => {
  const desk = new Desk(t)
  const key = await desk.open()
  t.match(key, /^1[0-9A-Z]{4}(-[0-9A-Z]{5}){4}$/)
  const listed = await desk.json('key list --pool calls')
  t.match(listed, [{ keyId: key.replaceAll('-', '').slice(1, 7), poolId: 'calls', revokedAt: null }])
  t.notOk(JSON.stringify(listed).includes('secretHash'))
  const created = await desk.run('key create calls --label', 'for Berlin')
  t.match(created, { code: 0, stdout: /^1[0-9A-Z-]{28}\n$/, stderr: /Send it to the customer now/ })
  t.match((await desk.run('key list')).stdout, /for Berlin/)
  const { keyId } = listed[0]
  t.match(await desk.run(`key revoke ${keyId}`), { code: 1, stderr: /has to be confirmed/ })
  t.match(await desk.json(`key revoke ${keyId} --yes`), { keyId, revokedAt: Number })
  t.match(await desk.run(`key revoke ${keyId} --yes`), { code: 1, stderr: /withdrawn already/ })
})

t.test('requests by file, installations, transfers', async t => {
  const desk = new Desk(t)
  const key = await desk.open()
  const machine = new Machine()
  t.match(await desk.answer(await machine.request({ sessions: 101 }), key), {
    kind: 'refused',
    refusal: { code: 'pool-exhausted', pool: { available: 100 } },
  })
  const license = await machine.install(await desk.answer(await machine.request(), key, '--sessions', '10'))
  t.match(await desk.run('answer request.jws --key-file key --out license.jws'), {
    code: 0,
    stdout: `License ${license.licenseId} of installation ${license.installationId}: 10 sessions\n`,
    stderr: /license\.jws\. On the machine: sessionctl license install license\.jws\n$/,
  })
  t.match(readFileSync(join(desk.folder, 'license.jws'), 'utf8'), /^ey[\w-]+\.[\w-]+\.[\w-]+\n$/)
  t.match(
    (await desk.run('answer request.jws --key-file key')).stdout,
    readFileSync(join(desk.folder, 'license.jws'), 'utf8'),
  )
  t.match(await desk.run('answer license.jws'), { code: 3, stderr: /^Refused: .*\(request-/ })

  const { installationId } = license
  t.match(await desk.json('installation list --pool calls --standing good --state active --customer acme'), [
    { installationId, units: 10 },
  ])
  t.match((await desk.run(`installation show ${installationId}`)).stdout, /machine +licensed +generation=1/)
  t.match(await desk.json(`installation block ${installationId} --note stolen`), { standing: 'blocked' })
  t.match((await desk.run('installation list --standing blocked')).stdout, installationId)
  t.match(await desk.run(`installation clear ${installationId} --note`, ''), {
    code: 1,
    stderr: /A note has 1 to 2000 characters\.\nhint: /,
  })
  t.match(await desk.json(`installation clear ${installationId} --note found`), { standing: 'cleared' })
  const { stdout: shown } = await desk.run(`installation show ${installationId}`)
  t.match(shown, /standing-changed +from=good to=blocked note=stolen\n.*from=blocked to=cleared note=found/)
  t.notMatch(shown, /requestDigest|jkt=/, 'what says nothing to people is for --json')

  t.match(await desk.run(`transfer start ${installationId}`), { code: 1, stderr: /has to be confirmed/ })
  const first = await desk.run(`transfer start ${installationId} --yes`)
  t.match(first, {
    stdout: /^1[0-9A-Z-]{28}\n$/,
    stderr: /licensing-server transfer cancel transfer-[0-9a-f]{8}/,
  })
  const [{ transferId }] = await desk.json('transfer list --state leaving --pool calls')
  t.match(await desk.json(`transfer cancel ${transferId}`), { state: 'cancelled' })

  await desk.run(`transfer start ${installationId} --yes`)
  const deactivation = await desk.answer(await machine.request())
  t.match(deactivation, { deactivated: true })
  await machine.install(deactivation)
  writeFileSync(
    join(desk.folder, 'receipt.jws'),
    await machine.request({ deactivationOf: machine.license!.licenseId }),
  )
  t.match((await desk.run('answer receipt.jws')).stdout, `Installation ${installationId} has confirmed.`)
  t.match((await desk.run('transfer list')).stdout, /waiting +10/)
  t.match((await desk.run(`installation show ${installationId}`)).stdout, /deactivation-confirmed/)

  const dead = new Machine()
  await dead.install(await desk.answer(await dead.request({ sessions: 5 }), key))
  const force = `transfer force ${dead.license!.installationId} --yes --declaration`
  t.match(await desk.run(force, 'It burnt.'), { code: 0, stdout: /^1[0-9A-Z-]{28}\n$/ })
  t.match(
    (await desk.run(`installation show ${dead.license!.installationId}`)).stdout,
    /waiting .* yes\nDeclared: It burnt\.\n/,
  )
  const leaving = new Machine()
  await leaving.install(await desk.answer(await leaving.request({ sessions: 5 }), key))
  await desk.run(`transfer start ${leaving.license!.installationId} --yes`)
  t.match(await desk.run(`transfer force ${leaving.license!.installationId} --yes --declaration lost`), {
    stdout: /^transfer-[0-9a-f]{8} from /,
    stderr: /that was shown when the transfer was started/,
  })
})

t.test('the ledger as a whole', async t => {
  const desk = new Desk(t)
  await desk.open()
  t.match(await desk.run('ledger verify'), {
    code: 0,
    stdout: /^The ledger is whole: 4 events in 2 streams, digest [0-9a-f]{64}\n$/,
  })
  t.match(await desk.run('ledger anchor anchor.json'), { code: 0, stdout: /^2 streams as of / })
  t.match(await desk.json('ledger verify --anchor anchor.json'), { ok: true, flaws: [] })
  t.match((await desk.run('ledger history pool/calls')).stdout, /ada +pool-opened .*\n.*ada +key-created/)
  t.match(await desk.json('ledger history vendor --events 1'), [{ type: 'pool-registered' }])
  t.match(await desk.run('ledger history pool/nowhere'), {
    code: 1,
    stderr: /The ledger has no stream pool\/nowhere\.\nhint: /,
  })
  writeFileSync(join(desk.folder, 'no-anchor.json'), '{}')
  t.match(await desk.run('ledger verify --anchor no-anchor.json'), { code: 1, stderr: /is no anchor/ })
  t.match(await desk.run('ledger verify --anchor nothing'), { code: 1, stderr: /There is no file/ })

  const { default: Database } = await import('better-sqlite3')
  const database = new Database(join(desk.folder, 'ledger.sqlite'))
  database.exec(`update pool set total = 1000`)
  database.close()
  t.match(await desk.run('ledger verify'), {
    code: 3,
    stdout:
      /^The ledger is NOT whole: .*\npool\/calls: total sessions: the row says 1000, the events say 100\n$/,
  })
})

t.test('how far a verification has come', async t => {
  const lines: (string | null)[] = []
  const onProgress = progressOn({ progress: line => void lines.push(line) })
  onProgress({ events: 1_234_500, streams: 99, stream: 'installation/80000000-0000-4000-8000-000000000000' })
  onProgress({ events: 1_235_000, streams: 100, stream: 'installation/81000000-0000-4000-8000-000000000000' })
  t.strictSame(lines, ['1,234,500 events in 99 streams, about 50 % …'], 'some times a second, and no more')
  progressOn({ progress: line => void lines.push(line) })({ events: 7, streams: 2, stream: 'vendor' })
  t.equal(lines.at(-1), '7 events in 2 streams …')
})

t.test('every command prints JSON for programs', async t => {
  const { log } = console
  t.teardown(() => {
    console.log = log
  })
  const help = async (...words: string[]) => {
    const logged: string[] = []
    console.log = (text: string) => void logged.push(text)
    await invoke('licensing-server', [...words, '--help'])
    console.log = log
    return logged.join('\n')
  }
  const commandsOf = (text: string, words: string[]) => {
    const at = ['licensing-server', ...words].join(' ')
    return [...text.matchAll(new RegExp(`^ {2}${at} ([a-z-]+)`, 'gm'))].map(([, word]) => word!)
  }
  const visited: string[] = []
  const visit = async (words: string[]): Promise<void> => {
    const text = await help(...words)
    const commands = commandsOf(text, words)
    for (const command of commands) await visit([...words, command])
    if (commands.length > 0 || ['run', 'completion'].includes(words[0]!)) return
    visited.push(words.join(' '))
    t.match(text, /^ +--json +Print JSON/m, words.join(' '))
  }
  await visit([])
  t.ok(visited.length >= 30, `${visited.length} commands`)
  for (const one of ['customer add', 'pool add-sessions', 'key revoke', 'transfer force', 'ledger verify']) {
    t.ok(visited.includes(one), one)
  }
})

t.test('revocation lists', async t => {
  const desk = new Desk(t)
  t.match((await desk.run('revocations list')).stdout, /^Root +number\n$/)
  t.match(await desk.run('revocations publish'), {
    code: 1,
    stderr: /There is no file .*trust\/revoked\.jws/,
  })
  writeFileSync(join(desk.folder, 'list.jws'), 'no list')
  t.match(await desk.run('revocations publish list.jws'), {
    code: 1,
    stderr: /This is not a revocation list/,
  })
})

t.test('who acts is the person at the machine, where nobody else is named', async t => {
  const folder = t.testdir({})
  const location = join(folder, 'ledger.sqlite')
  const add = ['customer', 'add', 'acme', '--name', 'A', '--representative', 'A', '--email', 'a@b.c']
  await invoke('licensing-server', [...add, '--ledger.location', location], { cwd: folder })
  const store = await openLedger(location)
  t.teardown(() => store.close())
  t.match(JSON.parse((await store.latestEvents('vendor', 1))[0]!.body).by, /^[^@]+@[^@]+$/)
})
