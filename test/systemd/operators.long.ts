// A group of operators, as docs/systemd.md has it set up: who is in it sees sessions, who is not does not.
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { commandsOf, fencesOf } from '../cli/console-blocks.ts'
import { until } from '../support/until.ts'
import { Booted, cannotBoot, cannotBootTrixie, install, installed, status } from './booted.ts'

t.setTimeout(300_000)

const document = readFileSync(new URL('../../docs/systemd.md', import.meta.url), 'utf8')
const socket = '/run/sessiond/operators.sock'

function commands(): string {
  const fence = fencesOf(document).find(({ words }) => words[0] === 'console' && words[1] === 'operators')!
  return commandsOf(fence)
    .map(({ command }) => command)
    .join('\n')
}

/** The daemon was started anew and has come to its operators' socket, one way or the other. */
async function restarted(booted: Booted, says: string): Promise<void> {
  const count = () => booted.log('sessiond').split(says).length
  const before = count()
  booted.run('systemctl', 'restart', 'sessiond')
  await until(says, () => count() > before, 30_000)
}

async function operators(t: Test, system: 'own' | 'trixie'): Promise<void> {
  const booted = new Booted(t, { system })
  install(booted)
  booted.shell(`
    useradd ann
    useradd bob
    adduser() { usermod -aG "$2" "$1"; }
    adduser bob sessiond
    mkdir -p /usr/share/doc/sessiond/examples
    ln -s ${installed}/systemd/drop-ins /usr/share/doc/sessiond/examples
    cp ${installed}/config/sessiond.yaml /etc/sessiond
    ${commands()}`)
  const list = (user: string) => booted.attempt('runuser', '-u', user, '--', 'sessionctl', 'sessions', 'list')
  await until('the operators are served', () => booted.attempt('test', '-e', socket).status === 0, 30_000)

  await t.test('who is in it sees sessions, a call process does not', async t => {
    t.equal(booted.run('stat', '-c', '%U:%G %a', socket), 'sessiond:sessiond-operators 660')
    t.match(list('ann'), { status: 0, stdout: /No session/ })
    const refused = list('bob')
    t.equal(refused.status, 1)
    t.match(refused.stderr, /bob may not connect/)
    t.match(booted.run('runuser', '-u', 'bob', '--', 'sessionctl', 'status'), 'License', 'but connects')
  })

  await t.test('the unit is hardly more exposed', async t => {
    const said = booted.attempt('systemd-analyze', 'security', '--threshold=7', '--no-pager', 'sessiond')
    t.equal(said.status, 0, `${/Overall.*/.exec(said.stdout)?.[0]}`)
  })

  const dropIn = '/etc/systemd/system/sessiond.service.d/operators-group.conf'
  await t.test('without the drop-in it says that the group cannot be given, and serves callers', async t => {
    booted.shell(`mv ${dropIn} /root/aside && systemctl daemon-reload`)
    await restarted(booted, 'Operators are not served')
    t.match(booted.log('sessiond'), /the drop-in operators-group\.conf/)
    t.match(status(booted), { license: { state: 'unlicensed' } })
    t.not(booted.attempt('test', '-e', socket).status, 0)
  })

  await t.test('with a user namespace it cannot be given, but with identical numbers', async t => {
    booted.shell(
      `sed 's/^PrivateUsers=no/PrivateUsers=yes/' /root/aside >${dropIn} && systemctl daemon-reload`,
    )
    await restarted(booted, 'Operators are not served')
    if (system === 'own') return
    booted.shell(
      `sed 's/^PrivateUsers=no/PrivateUsers=identity/' /root/aside >${dropIn} && systemctl daemon-reload`,
    )
    await restarted(booted, 'Operators are served')
    t.match(list('ann'), { status: 0, stdout: /No session/ })
  })
}

t.test('a group of operators, on the system of this machine', { skip: cannotBoot() }, t =>
  operators(t, 'own'),
)
t.test('a group of operators, with systemd 257', { skip: cannotBootTrixie() }, t => operators(t, 'trixie'))
