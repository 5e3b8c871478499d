import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Test, test } from 'tap'
import { readMachineFacts } from '../../../src/daemon/machine/facts.ts'

const machineId = '0123456789abcdef0123456789abcdef'
const productUuid = '4c4c4544-0042-3510-8051-b4c04f4e3632'
const cpuinfo = `processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7302P 16-Core Processor
cache size\t: 512 KB

processor\t: 1
model name\t: AMD EPYC 7302P 16-Core Processor
`

interface Interface {
  address: string
  /** addr_assign_type; 0 is the hardware's own. */
  assigned?: string
  type?: string
  physical?: boolean
  virtualFunction?: boolean
}

/** A machine as the kernel shows it: files under a root of its own. */
function makeMachine(
  t: Test,
  files: Record<string, string>,
  interfaces: Record<string, Interface> = {},
): string {
  const root = t.testdir({})
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `${text}\n`)
  }
  for (const [path, text] of Object.entries(files)) put(path, text)
  for (const [name, shape] of Object.entries(interfaces)) {
    const folder = `sys/devices/${name}/net/${name}`
    put(`${folder}/address`, shape.address)
    put(`${folder}/type`, shape.type ?? '1')
    put(`${folder}/addr_assign_type`, shape.assigned ?? '0')
    if (shape.physical !== false) symlinkSync('../..', join(root, folder, 'device'))
    if (shape.virtualFunction) mkdirSync(join(root, `sys/devices/${name}/physfn`))
    mkdirSync(join(root, 'sys/class/net'), { recursive: true })
    symlinkSync(`../../devices/${name}/net/${name}`, join(root, 'sys/class/net', name))
  }
  return root
}

const card = { eno1: { address: '3c:ec:ef:12:34:56' } }

test('a server', async t => {
  const files = {
    'etc/machine-id': machineId,
    'sys/class/dmi/id/product_uuid': productUuid,
    'proc/cpuinfo': cpuinfo,
  }
  const root = makeMachine(t, files, { ...card, eno2: { address: '3c:ec:ef:12:34:57' } })
  t.same(readMachineFacts({ root }), {
    facts: {
      machineId,
      productUuid,
      macs: ['3c:ec:ef:12:34:56', '3c:ec:ef:12:34:57'],
      cpuModel: 'AMD EPYC 7302P 16-Core Processor',
    },
    unreadable: [],
  })
})

test('a machine that says nothing of itself', async t => {
  const nothing = { facts: { machineId: null, productUuid: null, macs: [], cpuModel: null }, unreadable: [] }
  t.same(readMachineFacts({ root: t.testdir({}) }), nothing)
  t.same(readMachineFacts({ root: join(t.testdir({}), 'not-there') }), nothing)
  t.same(readMachineFacts({ root: makeMachine(t, { 'etc/machine-id': '' }) }), nothing, 'empty files')
})

test('this machine is read without harm', async t => {
  const { facts } = readMachineFacts()
  t.ok(Array.isArray(facts.macs))
})

test('machine-id of D-Bus where systemd has none', async t => {
  t.match(readMachineFacts({ root: makeMachine(t, { 'var/lib/dbus/machine-id': machineId }) }), {
    facts: { machineId },
  })
})

test('interfaces that are not the hardware are left out', async t => {
  const root = makeMachine(
    t,
    {},
    {
      ...card,
      lo: { address: '00:00:00:00:00:00', type: '772', physical: false },
      docker0: { address: '02:42:ac:11:00:02', physical: false },
      bond0: { address: '3c:ec:ef:12:34:56', physical: false },
      wlan0: { address: '3c:ec:ef:aa:aa:aa', assigned: '3' },
      usb0: { address: '3c:ec:ef:bb:bb:bb', assigned: '1' },
      ib0: { address: '80:00:02:08:fe:80', type: '32' },
      eno1v0: { address: '3c:ec:ef:cc:cc:cc', virtualFunction: true },
      virtio: { address: '52:54:00:12:34:56' },
    },
  )
  t.same(readMachineFacts({ root }).facts.macs, ['3c:ec:ef:12:34:56'])
})

test('locally administered addresses count where there are no others', async t => {
  const root = makeMachine(
    t,
    {},
    { eth0: { address: '52:54:00:12:34:56' }, eth1: { address: '02:fc:00:00:00:01' } },
  )
  t.same(readMachineFacts({ root }).facts.macs, ['02:fc:00:00:00:01', '52:54:00:12:34:56'])
})

test('kernels that do not tell type and origin of an address', async t => {
  const root = makeMachine(t, {}, card)
  rmSync(join(root, 'sys/class/net/eno1/type'))
  rmSync(join(root, 'sys/class/net/eno1/addr_assign_type'))
  t.same(readMachineFacts({ root }).facts.macs, ['3c:ec:ef:12:34:56'])
})

test('the daemon and root see the same machine', async t => {
  const root = makeMachine(
    t,
    { 'etc/machine-id': machineId, 'sys/class/dmi/id/product_uuid': productUuid },
    card,
  )
  const asRoot = readMachineFacts({ root })
  const credentialsDirectory = join(root, 'run/credentials/sessiond.service')
  mkdirSync(credentialsDirectory, { recursive: true })
  writeFileSync(join(credentialsDirectory, 'product-uuid'), `${productUuid}\n`)
  rmSync(join(root, 'sys/class/dmi/id/product_uuid'))
  t.same(readMachineFacts({ root, credentialsDirectory }), asRoot, 'passed on by systemd')
  writeFileSync(join(credentialsDirectory, 'product-uuid'), '')
  t.match(
    readMachineFacts({ root, credentialsDirectory }),
    { facts: { productUuid: null } },
    'a machine without DMI',
  )
})

test('a fact that may not be read is reported', async t => {
  const root = makeMachine(t, {}, card)
  mkdirSync(join(root, 'etc/machine-id'), { recursive: true })
  t.match(readMachineFacts({ root }), {
    facts: { machineId: null, macs: ['3c:ec:ef:12:34:56'] },
    unreadable: [{ part: 'machineId', path: join(root, 'etc/machine-id'), why: /EISDIR/ }],
  })
})

test('a DMI product UUID that only root may read', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async t => {
  const root = makeMachine(t, { 'sys/class/dmi/id/product_uuid': productUuid })
  const path = join(root, 'sys/class/dmi/id/product_uuid')
  chmodSync(path, 0o400)
  process.seteuid!(65_534)
  try {
    t.match(readMachineFacts({ root }), {
      facts: { productUuid: null },
      unreadable: [{ part: 'productUuid', path, why: /EACCES/ }],
    })
  } finally {
    process.seteuid!(0)
  }
  t.match(readMachineFacts({ root }), { facts: { productUuid } })
})

test('CPU models of other architectures', async t => {
  const model = (text: string) =>
    readMachineFacts({ root: makeMachine(t, { 'proc/cpuinfo': text }) }).facts.cpuModel
  t.equal(model('processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c'), '0x41 0xd0c')
  t.equal(model('CPU implementer : 0x41\nHardware : BCM2711'), 'BCM2711')
  t.equal(model('Model : Raspberry Pi 4 Model B'), 'Raspberry Pi 4 Model B')
  t.equal(model('cpu model : MIPS 74Kc'), 'MIPS 74Kc')
  t.equal(model('CPU implementer : 0x41'), null)
  t.equal(model('hello'), null)
})
