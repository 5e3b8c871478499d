import { execFileSync } from 'node:child_process'
import t from 'tap'
import { Notices } from '../../src/systemd/notices.ts'
import { takeNotifyRequest } from '../../src/systemd/notify-request.ts'
import { openSender, type Sender, spawningSender } from '../../src/systemd/sender.ts'
import { until } from '../support/until.ts'
import { Receiver } from './receiver.ts'

t.test('what systemd asks for is read once, and leaves the environment', async t => {
  const take = (environment: NodeJS.ProcessEnv) => {
    const request = takeNotifyRequest(environment, 42)
    t.strictSame(environment, { OTHER: '1' })
    return request
  }
  const asked = { OTHER: '1', NOTIFY_SOCKET: '/run/systemd/notify' }
  t.equal(take({ OTHER: '1' }), null)
  t.equal(take({ OTHER: '1', NOTIFY_SOCKET: '' }), null)
  t.equal(
    take({ OTHER: '1', NOTIFY_SOCKET: 'vsock:2:3', WATCHDOG_USEC: '1' }),
    null,
    'another kind of socket',
  )
  t.strictSame(take({ ...asked }), { socket: '/run/systemd/notify', watchdogMs: null })
  t.match(take({ ...asked, WATCHDOG_USEC: '10000000' }), { watchdogMs: 10_000 })
  t.match(take({ ...asked, WATCHDOG_USEC: '10000000', WATCHDOG_PID: '42' }), { watchdogMs: 10_000 })
  t.match(take({ ...asked, WATCHDOG_USEC: '10000000', WATCHDOG_PID: '43' }), { watchdogMs: null })
  for (const wrong of ['0', '-1', '1e9', 'soon', '9'.repeat(30)]) {
    t.match(take({ ...asked, WATCHDOG_USEC: wrong }), { watchdogMs: null }, wrong)
  }
})

function quiet(request: { socket: string; watchdogMs: number | null }, open = openSender) {
  const troubles: unknown[] = []
  let spawning = 0
  const notices = new Notices({
    request,
    open,
    onTrouble: error => troubles.push(error),
    onSpawning: () => spawning++,
  })
  return { notices, troubles, spawns: () => spawning }
}

t.test('the life of a service, in order', async t => {
  const receiver = new Receiver(t)
  const { notices, troubles } = quiet({ socket: receiver.path, watchdogMs: null })
  let status = 'one\nline  only'
  notices.ready(() => status)
  notices.reloading()
  notices.reloaded()
  status = 'other'
  await receiver.heard('STATUS=other')
  notices.stopping()
  await notices.close()
  await receiver.heard('STOPPING=1')
  const said = receiver.messages.map(message => message.replace(/USEC=\d+/, 'USEC=n'))
  t.strictSame(said, [
    'READY=1\nSTATUS=one line only',
    'RELOADING=1\nMONOTONIC_USEC=n',
    'READY=1\nSTATUS=one line only',
    'STATUS=other',
    'STOPPING=1\nSTATUS=other',
  ])
  const usec = Number(/USEC=(\d+)/.exec(receiver.messages[1]!)![1])
  t.ok(Math.abs(usec - Number(process.hrtime.bigint() / 1000n)) < 60e6, 'it is the clock of systemd')
  t.strictSame(troubles, [])
})

t.test('a status that stays the same is not told again; signs of life are', async t => {
  const receiver = new Receiver(t)
  const { notices } = quiet({ socket: receiver.path, watchdogMs: 900 })
  let asked = 0
  notices.ready(() => {
    asked++
    return 'same'
  })
  await until('the status was looked at again', () => asked >= 3)
  await notices.close()
  const signs = receiver.messages.filter(message => message === 'WATCHDOG=1').length
  t.ok(signs >= 4 && signs <= 9, `a sign of life each 300 ms: ${signs} in two seconds`)
  t.equal(receiver.messages.filter(message => message.includes('STATUS=')).length, 1)
})

t.test('whatever fails, the service goes on, and it is told once', async t => {
  t.test('a socket that is not there', async t => {
    const { notices, troubles } = quiet({ socket: '/nowhere/notify', watchdogMs: null })
    notices.ready(() => '')
    notices.reloaded()
    await until('the trouble is told', () => troubles[0])
    await notices.close()
    t.equal(troubles.length, 1)
  })

  t.test('a status that cannot be told', async t => {
    const receiver = new Receiver(t)
    const { notices, troubles } = quiet({ socket: receiver.path, watchdogMs: null })
    notices.ready(() => {
      throw new Error('no status')
    })
    await receiver.heard('READY=1')
    await notices.close()
    t.match(troubles, [{ message: 'no status' }])
  })

  t.test('a way that cannot be opened', async t => {
    const { notices, troubles } = quiet({ socket: '/x', watchdogMs: null }, async () => {
      throw new Error('no way')
    })
    notices.ready(() => '')
    await notices.close()
    t.match(troubles, [{ message: 'no way' }])
  })

  t.test('systemd that does not read holds nothing up for long', async t => {
    const stuck: Sender = {
      isCheap: true,
      send: () => new Promise(() => undefined),
      close: () => undefined,
    }
    let sent = 0
    const open = async () => ({
      ...stuck,
      send: (message: string) => {
        sent++
        return stuck.send(message)
      },
    })
    const { notices } = quiet({ socket: '/x', watchdogMs: 3 }, open)
    notices.ready(() => '')
    await until('so many wait that no more are sent', () => sent >= 8)
    const before = performance.now()
    await notices.close()
    t.ok(performance.now() - before < 2000)
    t.ok(sent <= 9, `${sent} wait`)
  })
})

t.test('without the library, systemd-notify is run', { skip: missingNotify() }, async t => {
  const receiver = new Receiver(t)
  const open = async (address: string) => spawningSender(address)
  const { notices, troubles, spawns } = quiet({ socket: receiver.path, watchdogMs: 300 }, open)
  notices.ready(() => '1 of 2 sessions')
  await receiver.heard('READY=1')
  notices.reloading()
  notices.stopping()
  await receiver.heard('STOPPING=1')
  await notices.close()
  t.equal(spawns(), 1)
  t.strictSame(troubles, [])
  // Newer ones wait until systemd has taken the message, and send a barrier for that.
  const own = receiver.messages.filter(message => message !== 'BARRIER=1')
  const said = own.map(message => message.trim().replace(/USEC=\d{5,}/, 'USEC=n'))
  t.strictSame(said, [
    'WATCHDOG_USEC=0',
    'READY=1\nSTATUS=1 of 2 sessions',
    'RELOADING=1\nMONOTONIC_USEC=n',
    'STOPPING=1\nSTATUS=1 of 2 sessions',
  ])
})

t.test('an abstract address goes to systemd-notify, which knows such', async t => {
  const sender = await openSender('@sessiond-nobody-listens')
  t.equal(sender.isCheap, false)
  sender.close()
  const failing = spawningSender('/nowhere/notify', '/nowhere/systemd-notify')
  await t.rejects(failing.send('READY=1'), { code: 'ENOENT' })
  await t.rejects(failing.send('READY=1'), { code: 'ENOENT' }, 'the next is tried all the same')
})

function missingNotify(): string | false {
  try {
    execFileSync('systemd-notify', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'there is no systemd-notify on this machine'
  }
}
