import t from 'tap'
import { DaemonProcess, openAs } from '../support/daemon.ts'
import { Site } from '../support/site.ts'
import { Receiver } from './receiver.ts'

t.setTimeout(120_000)

t.test('the daemon tells systemd how it is', async t => {
  const site = new Site(t)
  const good = await site.license()
  const receiver = new Receiver(t)
  const environment = { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: '3000000' }
  const daemon = await DaemonProcess.start(t, site, { environment })
  t.match(await receiver.heard('READY=1'), /STATUS=0 of 10 sessions in use; license active$/)

  const client = await openAs(t, site.socket)
  await client.call('session.acquire', { key: 'call-1' })
  await receiver.heard('STATUS=1 of 10 sessions in use; license active')
  await receiver.heard('WATCHDOG=1')

  site.install('no license')
  await receiver.heard('sessions in use; license active; a license file was not taken: license-')
  site.install(good)
  const before = receiver.messages.length
  daemon.child.kill('SIGHUP')
  await receiver.heard('RELOADING=1\nMONOTONIC_USEC=', before)
  await receiver.heard('READY=1\nSTATUS=1 of 10 sessions in use; license active', before)

  t.equal(await daemon.stop(), 0)
  t.match(receiver.messages.at(-1), /^STOPPING=1\nSTATUS=1 of 10/)
  const fresh = receiver.messages.filter(message => message.startsWith('STATUS='))
  t.strictSame(
    fresh.filter((message, index) => message === fresh[index - 1]),
    [],
    'no status twice in a row',
  )
})

t.test('a start and a stop with nobody who listens', async t => {
  const site = new Site(t)
  await site.license()
  const daemon = await DaemonProcess.start(t, site, { environment: { NOTIFY_SOCKET: '/nowhere/notify' } })
  await daemon.logged('systemd cannot be told how this service is; it goes on.')
  await openAs(t, site.socket)
  t.equal(await daemon.stop(), 0)
})
