/**
 * Writes what ships, as the lock file says it, as a CycloneDX document: `npm run sbom`. It needs no network, and the
 * same lock file gives the same bytes. `npm sbom --omit dev` is not used: it leaves out what a tool of the tests uses
 * as well, such as ws and yaml.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

interface Locked {
  readonly version: string
  readonly license?: string
  readonly integrity?: string
  readonly dev?: true
  readonly optional?: true
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

const file = process.argv[2]
if (file === undefined) throw new Error('Name the file: node .ci/sbom.ts dist/sbom.cdx.json')

const lock = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')
const { name, version, packages } = JSON.parse(lock) as {
  name: string
  version: string
  packages: Record<string, Locked>
}
const marker = 'node_modules/'
const nameAt = (path: string) => (path === '' ? name : path.slice(path.lastIndexOf(marker) + marker.length))
const refOf = (path: string) => `${nameAt(path)}@${packages[path]!.version}`
const purlOf = (path: string) => `pkg:npm/${refOf(path).replace(/^@/, '%40')}`

/** Where Node.js finds a package that is imported at `from`; null for an optional one that is not there. */
function find(from: string, wanted: string): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf(`/${marker}`)))) {
    const path = folder === '' ? marker + wanted : `${folder}/${marker}${wanted}`
    if (path in packages) return path
    if (folder === '') return null
  }
}

function dependsOn(path: string): string[] {
  const { dependencies, optionalDependencies } = packages[path]!
  const names = Object.keys({ ...dependencies, ...optionalDependencies })
  const found = names.map(one => find(path, one)).filter(one => one !== null)
  return [...new Set(found.map(refOf))].sort()
}

function componentOf(path: string): object {
  const { version, license, integrity, optional } = packages[path]!
  const [, group, short] = /^(?:(@[^/]+)\/)?(.+)$/.exec(nameAt(path))!
  const sha512 = integrity?.startsWith('sha512-')
    ? Buffer.from(integrity.slice(7), 'base64').toString('hex')
    : null
  const isExpression = license?.includes(' ') === true
  return {
    type: 'library',
    'bom-ref': refOf(path),
    ...(group === undefined ? {} : { group }),
    name: short,
    version,
    scope: optional === true ? 'optional' : 'required',
    ...(sha512 === null ? {} : { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
    licenses: [isExpression ? { expression: license } : { license: { id: license } }],
    purl: purlOf(path),
  }
}

// One package may lie in several places; it is one component all the same.
const places = new Map<string, string>()
for (const [path, { dev }] of Object.entries(packages)) {
  if (path !== '' && dev !== true && !places.has(refOf(path))) places.set(refOf(path), path)
}
const refs = [...places.keys()].sort()
const content = {
  metadata: { component: { type: 'application', 'bom-ref': refOf(''), name, version, purl: purlOf('') } },
  components: refs.map(ref => componentOf(places.get(ref)!)),
  dependencies: [refOf(''), ...refs].map(ref => ({ ref, dependsOn: dependsOn(places.get(ref) ?? '') })),
}
// A number of the form of UUID version 8, which follows from the content.
const hex = createHash('sha256').update(JSON.stringify(content)).digest('hex')
const serial = [
  hex.slice(0, 8),
  hex.slice(8, 12),
  `8${hex.slice(13, 16)}`,
  `8${hex.slice(17, 20)}`,
  hex.slice(20, 32),
]
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  serialNumber: `urn:uuid:${serial.join('-')}`,
  version: 1,
  ...content,
}
mkdirSync(dirname(resolve(file)), { recursive: true })
writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`)
console.log(`${file}: ${refs.length} packages`)
