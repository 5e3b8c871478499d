import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Lock {
  readonly packages: Record<string, { version: string; dev?: boolean; license?: string; optional?: boolean }>
}

/** The licenses of everything that ships, each package with the text that came with it. */
export function copyrightOf(project: string): string {
  const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as Lock
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  const runtime = join(project, 'node_modules/node/node_modules', `node-linux-${process.arch}`)
  const parts = [
    `sessiond\n\n${readFileSync(join(project, 'LICENSE'), 'utf8')}`,
    `Node.js\n\n${licenseTextIn(runtime) ?? 'MIT'}`,
    ...shipped
      .filter(([path]) => existsSync(join(project, path)))
      .map(([path, { version, license }]) => {
        const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
        return `${name} ${version}\n\n${licenseTextIn(join(project, path)) ?? `License: ${license ?? 'see its package'}`}`
      }),
  ]
  return `${parts.map(part => part.trimEnd()).join(`\n\n${'-'.repeat(78)}\n\n`)}\n`
}

function licenseTextIn(folder: string): string | null {
  if (!existsSync(folder)) return null
  const name = readdirSync(folder).find(entry => /^licen[sc]e/i.test(entry))
  return name === undefined ? null : readFileSync(join(folder, name), 'utf8')
}
