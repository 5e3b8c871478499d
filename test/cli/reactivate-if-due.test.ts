import { renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { startCustomer } from './customer-site.ts'
import { eventually } from './poll.ts'

// The timer of systemd runs this every few minutes.
t.setTimeout(120_000)

t.test('a timer that comes often asks the server only when it is time', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  t.match(await ctl('reactivate', '--if-due'), { code: 0, stderr: /^No reactivation is due\.$/m })
  const { key } = await vendor.pool(100)
  t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '10'), { code: 0 })
  t.match(await ctl('reactivate', '--if-due'), { code: 0, stderr: /^No reactivation is due\.$/m })

  site.config.reactivation.intervalSeconds = 1
  site.writeConfig()
  const done = await eventually(
    () => ctl('reactivate', '--if-due'),
    ({ stderr }) => stderr.includes('Refreshed'),
  )
  t.match(done, { code: 0, stderr: /generation 2/ })
})

t.test(
  'before a root was put there nothing is due; once there was a license, a lost root is a fault',
  async t => {
    const { vendor, site, ctl, keyFile } = await startCustomer(t)
    const { trustDirectory } = site.config.license
    const roots = `${trustDirectory}.aside`
    renameSync(trustDirectory, roots)
    t.match(await ctl('reactivate', '--if-due'), { code: 0, stderr: /^Nothing to refresh yet/m })
    t.match(await ctl('reactivate'), {
      code: 1,
      stderr: /no root certificate(.|\n)*install -D -m 644 root\.pem/,
    })
    renameSync(roots, trustDirectory)
    const { key } = await vendor.pool(100)
    t.match(await ctl('activate', '--key-file', keyFile(key), '--sessions', '10'), { code: 0 })
    renameSync(trustDirectory, roots)
    rmSync(site.config.license.file)
    t.match(await ctl('reactivate', '--if-due'), { code: 1, stderr: /no root certificate/ })
  },
)

t.test('so it is with Studio, whose license is kept apart from that of Call Services', async t => {
  const { vendor, site, ctl, keyFile } = await startCustomer(t)
  const { trustDirectory, file } = site.config.license
  const studio = ['--product', 'studio', '--product-version', '5.1']
  const { key } = await vendor.pool(2, { product: 'studio' })
  t.match(await ctl('activate', ...studio, '--key-file', keyFile(key)), { code: 0 })
  renameSync(trustDirectory, `${trustDirectory}.aside`)
  rmSync(join(dirname(file), 'studio-license.jws'))
  t.match(await ctl('reactivate', '--if-due', ...studio), { code: 1, stderr: /no root certificate/ })
  t.match(await ctl('reactivate', '--if-due'), { code: 0, stderr: /^Nothing to refresh yet/m })
})

t.test('where licenses come by hand there is nothing to do, and no failure', async t => {
  const { site, ctl } = await startCustomer(t)
  site.config.licensingServer.url = null
  site.writeConfig()
  t.match(await ctl('reactivate', '--if-due'), { code: 0, stderr: /No licensing server is configured/ })
  t.match(await ctl('reactivate'), { code: 1 }, 'whoever asks outright is told')
})
