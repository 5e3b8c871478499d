import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, readText } from './source.ts'

interface Locked {
  readonly name?: string
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: true
  readonly hasInstallScript?: true
}

interface Component {
  readonly name: string
  readonly group?: string
  readonly version: string
  readonly licenses?: readonly { license?: { id?: string }; expression?: string }[]
}

const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> }
const { scripts, allowScripts, dependencies, optionalDependencies } = JSON.parse(
  readText('package.json'),
) as Record<string, Record<string, string | boolean>>
const locked = Object.entries(packages).filter(([path]) => path !== '')
const shipped = locked.filter(([, { dev }]) => dev !== true)

/** The name of a package by its place in the lock file. */
const nameAt = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** Licenses that ask for no more than a notice; of several that are offered, one is enough. */
const allowedLicenses = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD'])

function isAllowed(license: string | undefined): boolean {
  return (license ?? '')
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some(one => allowedLicenses.has(one))
}

t.test('every package is pinned by its content', async t => {
  t.ok(locked.length > 100)
  for (const [path, { resolved, integrity }] of locked) {
    // No registry is named, so that a mirror will do: it is the content that counts.
    t.equal(resolved, undefined, `${path} is from any registry, not from an address`)
    // Builds of this one for systems on which nobody made the lock file: it knows their versions alone.
    if (/^node_modules\/node-unix-socket-(darwin|linux-arm)/.test(path)) continue
    t.match(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/, path)
  }
})

t.test('install scripts are known, and run where that was decided', async t => {
  const withScript = locked
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => nameAt(path))
  t.strictSame([...new Set(withScript)].sort(), ['esbuild', 'node'])
  for (const name of withScript) t.type(allowScripts![name], 'boolean', name)
  const ran = Object.entries(allowScripts!).filter(([, allowed]) => allowed)
  t.strictSame(ran, [['node', true]], 'the one that brings Node.js itself')
  for (const name of ['preinstall', 'install', 'postinstall']) t.notOk(name in scripts!, `no ${name} of ours`)
})

t.test('licenses of what ships ask for a notice alone', async t => {
  for (const [path, { license }] of shipped) t.ok(isAllowed(license), `${path}: ${license}`)
  for (const license of [undefined, 'GPL-3.0', '(GPL-2.0 OR AGPL-3.0)', 'UNLICENSED'])
    t.notOk(isAllowed(license))
})

t.test('npm run sbom names all that ships, and twice the same', async t => {
  const folder = t.testdir({})
  const path = join(folder, 'sbom.cdx.json')
  const make = () => {
    execFileSync(process.execPath, [join(ROOT, '.ci/sbom.ts'), path], { stdio: ['ignore', 'ignore', 'pipe'] })
    return readFileSync(path, 'utf8')
  }
  const text = make()
  t.equal(make(), text)
  const bom = JSON.parse(text)
  t.match(bom, { bomFormat: 'CycloneDX', metadata: { component: { name: 'sessiond' } } })
  const named = new Map<string, Component>()
  for (const component of bom.components as Component[]) {
    const { group, name, version } = component
    named.set(`${group === undefined ? name : `${group}/${name}`}@${version}`, component)
  }
  for (const [path, { version, license }] of shipped) {
    const component = named.get(`${nameAt(path)}@${version}`)
    t.ok(component, `${path} is named`)
    const said = component?.licenses?.map(({ license, expression }) => license?.id ?? expression)
    t.strictSame(said, [license], `${path} with its license`)
  }
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    t.ok(
      [...named.keys()].some(key => key.startsWith(`${name}@`)),
      name,
    )
  }
})
