import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { calculateJwkThumbprint } from 'jose'
import { test } from 'tap'
import {
  loadMachineKey,
  loadOrCreateMachineKey,
  machineKeyFile,
} from '../../../src/daemon/machine/machine-key.ts'

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
const isRoot = process.getuid?.() === 0

test('the first start makes a key, later ones load it', async t => {
  const directory = join(t.testdir({}), 'state', 'machine')
  t.equal(await loadMachineKey(directory), null, 'looking makes nothing')
  t.notOk(existsSync(directory))
  const made = await loadOrCreateMachineKey(directory)
  t.equal(mode(directory), '700')
  t.equal(mode(join(directory, machineKeyFile)), '600')
  t.same(readdirSync(directory), [machineKeyFile], 'nothing else is left there')
  const loaded = await loadOrCreateMachineKey(directory)
  t.equal(loaded.jkt, made.jkt)
  t.equal((await loadMachineKey(directory))?.jkt, made.jkt)
  t.equal(made.jkt, await calculateJwkThumbprint(made.publicKey.export({ format: 'jwk' })), 'RFC 7638')
  t.same(Object.keys(made.jwk).sort(), ['crv', 'kty', 'x', 'y'])
  t.match(readFileSync(join(directory, machineKeyFile), 'utf8'), /^-----BEGIN PRIVATE KEY-----/)
})

test('many starts at once end with the same key', async t => {
  const directory = join(t.testdir({}), 'machine')
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateMachineKey(directory)))
  t.equal(new Set(keys.map(key => key.jkt)).size, 1)
  t.same(readdirSync(directory), [machineKeyFile])
})

test('programs that start at once end with the same key', async t => {
  const base = t.testdir({})
  const directory = join(base, 'machine')
  const module = join(import.meta.dirname, '../../../src/daemon/machine/machine-key.ts')
  const program = `
    import { existsSync } from 'node:fs'
    const { loadOrCreateMachineKey } = await import(${JSON.stringify(module)})
    console.log('ready')
    while (!existsSync(${JSON.stringify(join(base, 'go'))})) await new Promise(resolve => setTimeout(resolve, 1))
    console.log((await loadOrCreateMachineKey(${JSON.stringify(directory)})).jkt)`
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  t.teardown(() => {
    for (const child of children) child.kill()
  })
  const outputs = children.map(() => '')
  const ready = children.map(async (child, index) => {
    for await (const chunk of child.stdout) {
      outputs[index] += chunk
      if (outputs.every(output => output.startsWith('ready')) && !existsSync(join(base, 'go'))) {
        writeFileSync(join(base, 'go'), '')
      }
    }
  })
  await Promise.all(ready)
  t.equal(new Set(outputs).size, 1)
  t.match(outputs[0], /^ready\n[\w-]{43}\n$/)
  t.same(readdirSync(directory), [machineKeyFile])
})

test('a crash while the key was made leaves no half of one', async t => {
  const directory = join(t.testdir({}), 'machine')
  mkdirSync(directory, { mode: 0o700 })
  writeFileSync(join(directory, `${machineKeyFile}.${process.pid}`), '-----BEGIN PRI')
  t.match(await loadOrCreateMachineKey(directory), { jkt: /^[\w-]{43}$/ })
  t.same(readdirSync(directory), [machineKeyFile])
})

test('a key that others could read or replace is refused', async t => {
  const base = t.testdir({})
  const directory = join(base, 'machine')
  await loadOrCreateMachineKey(directory)
  const path = join(directory, machineKeyFile)
  for (const bits of [0o640, 0o604, 0o620, 0o660]) {
    chmodSync(path, bits)
    await t.rejects(loadOrCreateMachineKey(directory), {
      code: 'machine-key-unsafe',
      message: `its mode is 0${bits.toString(8)}`,
      hint: `chmod 0600 ${path}`,
    })
  }
  chmodSync(path, 0o600)
  chmodSync(directory, 0o750)
  await t.rejects(loadMachineKey(directory), { code: 'machine-key-unsafe', hint: `chmod 0700 ${directory}` })
  chmodSync(directory, 0o700)

  const linked = join(base, 'linked')
  symlinkSync('machine', linked)
  await t.rejects(loadMachineKey(linked), {
    code: 'machine-key-unsafe',
    message: /not a directory of its own/,
  })
  await t.rejects(loadOrCreateMachineKey(linked), { code: 'machine-key-unsafe' })

  const elsewhere = join(base, 'elsewhere')
  mkdirSync(elsewhere, { mode: 0o700 })
  symlinkSync(path, join(elsewhere, machineKeyFile))
  await t.rejects(loadMachineKey(elsewhere), { code: 'machine-key-unsafe', message: /symbolic link/ })

  const folder = join(base, 'folder')
  mkdirSync(join(folder, machineKeyFile), { recursive: true, mode: 0o700 })
  await t.rejects(loadMachineKey(folder), { code: 'machine-key-unsafe', message: /not a file/ })
})

test('a key that cannot be used is told, never replaced', async t => {
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
  for (const [text, message] of [
    ['', /cannot be used/],
    ['hello', /cannot be used/],
    [ed25519, /another kind of key/],
    [p384, /another kind of key/],
  ] as const) {
    const directory = t.testdir({})
    chmodSync(directory, 0o700)
    writeFileSync(join(directory, machineKeyFile), text, { mode: 0o600 })
    await t.rejects(loadOrCreateMachineKey(directory), {
      code: 'machine-key-unreadable',
      message,
      hint: /backup/,
    })
    t.equal(readFileSync(join(directory, machineKeyFile), 'utf8'), text)
  }
})

test('a directory that cannot be made', async t => {
  const file = join(t.testdir({ file: '' }), 'file')
  await t.rejects(loadOrCreateMachineKey(join(file, 'machine')), { code: 'machine-key-unreadable' })
  await t.rejects(loadOrCreateMachineKey(file), { code: 'machine-key-unreadable' })
})

test('a key that root makes belongs to the daemon', { skip: isRoot ? false : 'needs root' }, async t => {
  const state = t.testdir({})
  chownSync(state, 12_345, 12_345)
  const directory = join(state, 'machine')
  await loadOrCreateMachineKey(directory)
  for (const path of [directory, join(directory, machineKeyFile)])
    t.match(statSync(path), { uid: 12_345, gid: 12_345 })
})

test('a directory that may not be written', {
  skip: isRoot ? false : 'needs root to become nobody',
}, async t => {
  const state = t.testdir({})
  chmodSync(state, 0o755)
  const directory = join(state, 'machine')
  mkdirSync(directory, { mode: 0o700 })
  chownSync(directory, 65_534, 65_534)
  writeFileSync(join(directory, machineKeyFile), 'root alone', { mode: 0o600 })
  process.seteuid!(65_534)
  try {
    await t.rejects(loadMachineKey(directory), {
      code: 'machine-key-unreadable',
      message: /EACCES/,
      hint: /^Only root may .* Use sudo\.$/,
    })
    await t.rejects(loadOrCreateMachineKey(join(state, 'other')), {
      code: 'machine-key-unreadable',
      message: /EACCES/,
    })
  } finally {
    process.seteuid!(0)
  }
  chmodSync(state, 0o700)
  process.seteuid!(65_534)
  try {
    await t.rejects(loadMachineKey(directory), {
      code: 'machine-key-unreadable',
      hint: /^Only .*Use sudo\.$/,
    })
  } finally {
    process.seteuid!(0)
  }
})
