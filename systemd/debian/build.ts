// Makes the Debian packages of what `npm run build` built: npm run package:deb [-- --version V --out FOLDER]
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { copyrightOf } from './copyright.ts'
import { manualPages } from './manual/pages.ts'
import { copyModules, modulesOf } from './modules.ts'
import { type DebianPackage, PACKAGES } from './packages.ts'

const project = resolve(import.meta.dirname, '../..')
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

interface Build {
  readonly version: string
  /** Seconds since the epoch, of every file in there: the same sources give the same package. */
  readonly at: number
  readonly architecture: string
  /** Of dpkg-deb: `xz`, or what is quicker. */
  readonly compression: string
  readonly out: string
}

export function main(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      version: { type: 'string' },
      out: { type: 'string', default: join(project, 'dist') },
      compression: { type: 'string', default: 'xz' },
      only: { type: 'string' },
    },
  })
  const { version = manifest().version } = values
  const architecture = ARCHITECTURES[process.arch]
  if (architecture === undefined) throw new Error(`There is no Debian architecture for ${process.arch} here.`)
  const at = sourceDate()
  mkdirSync(values.out, { recursive: true })
  const build: Build = { version, at, architecture, compression: values.compression, out: values.out }
  for (const one of PACKAGES) {
    if (values.only === undefined || values.only === one.name) console.log(packageOf(one, build))
  }
}

function manifest(): { version: string } {
  return JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string }
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function sourceDate(): number {
  const given = process.env['SOURCE_DATE_EPOCH']
  if (given !== undefined && /^\d+$/.test(given)) return Number(given)
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], {
    cwd: project,
    encoding: 'utf8',
  })
  if (status === 0) return Number(stdout)
  throw new Error('Set SOURCE_DATE_EPOCH: this is no git checkout that could tell how old its sources are.')
}

function packageOf(one: DebianPackage, build: Build): string {
  const root = mkdtempSync(join(tmpdir(), 'sessiond-deb-'))
  try {
    layOut(one, build, root)
    writeControl(one, build, root)
    normalize(root, build.at)
    const file = join(build.out, `${one.name}_${build.version}_${build.architecture}.deb`)
    const level = build.compression === 'xz' ? [] : ['-z1']
    run('dpkg-deb', ['--root-owner-group', `-Z${build.compression}`, ...level, '-b', root, file], build)
    return file
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

function layOut(one: DebianPackage, build: Build, root: string): void {
  const home = `/usr/lib/${one.name}`
  const put = (to: string, text: string | Buffer) => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    writeFileSync(join(root, to), text)
  }
  for (const [from, to] of Object.entries(one.files)) {
    cpSync(join(project, from), join(root, to), { recursive: true })
  }
  for (const folder of one.folders) mkdirSync(join(root, folder), { recursive: true })
  cpSync(join(project, 'node_modules/node/bin/node'), join(root, home, 'bin/node'), { dereference: true })
  put(
    `${home}/package.json`,
    `${JSON.stringify({ name: one.name, version: build.version, private: true })}\n`,
  )
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  for (const program of one.programs) {
    const entry = readFileSync(join(project, 'dist/cli', `${program}.cjs`), 'utf8')
    // The Node.js of the package, whatever else is on the machine.
    const own = entry.replace(/^(#!\/usr\/bin\/env (?:-S )?)node/, `$1${home}/bin/node`)
    put(`${home}/dist/cli/${program}.cjs`, own.replace(/\n\/\/# sourceMappingURL=.*/, ''))
    const text = readFileSync(join(project, 'dist/cli', `${program}-program.cjs`), 'utf8')
    put(`${home}/dist/cli/${program}-program.cjs`, text.replace(/\n\/\/# sourceMappingURL=.*/, ''))
    symlinkSync(`../lib/${one.name}/dist/cli/${program}.cjs`, join(root, 'usr/bin', program))
    put(`/usr/share/bash-completion/completions/${program}`, completionOf(program, 'bash'))
    put(`/usr/share/zsh/vendor-completions/_${program}`, completionOf(program, 'zsh'))
  }
  copyModules(project, modulesOf(project, one.programs), join(root, home))
  const pages = manualPages(build.version, build.at)
  for (const name of one.manuals) {
    const section = name.slice(name.lastIndexOf('.') + 1)
    put(`/usr/share/man/man${section}/${name}.gz`, compress(pages[name]!))
  }
  put(
    `/usr/share/lintian/overrides/${one.name}`,
    readFileSync(join(import.meta.dirname, 'lintian-overrides')),
  )
  put(`/usr/share/doc/${one.name}/copyright`, copyrightOf(project))
  put(`/usr/share/doc/${one.name}/changelog.gz`, compress(changelogOf(one, build)))
  put(`/usr/share/doc/${one.name}/CHANGELOG.md.gz`, compress(readFileSync(join(project, 'CHANGELOG.md'))))
}

/** The script that the program itself prints, for the shell that runs it. */
function completionOf(program: string, shell: 'bash' | 'zsh'): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(project, 'dist/cli', `${program}.cjs`), 'completion'],
    { encoding: 'utf8', env: { PATH: process.env['PATH'], SHELL: `/bin/${shell}` } },
  )
  if (status !== 0 || !stdout.includes(program)) throw new Error(`${program} completion: ${status} ${stderr}`)
  return stdout
}

/** As tools of Debian read it; for people there is CHANGELOG.md. */
function changelogOf(one: DebianPackage, { version, at }: Build): string {
  const control = readFileSync(join(import.meta.dirname, one.name, 'control'), 'utf8')
  const maintainer = /^Maintainer: (.*)$/m.exec(control)?.[1]
  const date = new Date(at * 1000).toUTCString().replace('GMT', '+0000')
  return `${one.name} (${version}) stable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${maintainer}  ${date}\n`
}

/** Without the time and the name that gzip would note. */
function compress(text: string | Buffer): Buffer {
  return gzipSync(text, { level: 9 })
}

function writeControl(one: DebianPackage, build: Build, root: string): void {
  const files = filesBelow(root)
  const bytes = files.reduce((sum, file) => sum + lstatSync(join(root, file)).size, 0)
  const source = join(import.meta.dirname, one.name)
  const control = readFileSync(join(source, 'control'), 'utf8').replace(
    /^Section:/m,
    `Version: ${build.version}\nArchitecture: ${build.architecture}\nInstalled-Size: ${Math.ceil(bytes / 1024)}\nSection:`,
  )
  const folder = join(root, 'DEBIAN')
  mkdirSync(folder)
  writeFileSync(join(folder, 'control'), control)
  for (const script of ['postinst', 'prerm', 'postrm']) {
    writeFileSync(join(folder, script), readFileSync(join(source, script)))
  }
  const kept = files.filter(file => file.startsWith('etc/'))
  writeFileSync(join(folder, 'conffiles'), kept.map(file => `/${file}\n`).join(''))
  const sums = files
    .filter(file => lstatSync(join(root, file)).isFile() && !kept.includes(file))
    .map(
      file =>
        `${createHash('md5')
          .update(readFileSync(join(root, file)))
          .digest('hex')}  ${file}\n`,
    )
  writeFileSync(join(folder, 'md5sums'), sums.join(''))
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

/** Modes and times do not come from whose checkout it is. */
function normalize(root: string, at: number): void {
  const runs =
    /^(DEBIAN\/(postinst|prerm|postrm)|usr\/lib\/[^/]+\/(bin\/node|dist\/cli\/[a-z-]+(?<!-program)\.cjs))$/
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const file = join(root, path)
    const stat = lstatSync(file)
    if (!stat.isSymbolicLink()) chmodSync(file, stat.isDirectory() || runs.test(path) ? 0o755 : 0o644)
    lutimesSync(file, at, at)
  }
  chmodSync(root, 0o755)
  lutimesSync(root, at, at)
}

function run(command: string, args: string[], build: Build): void {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(build.at) }
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? `${stdout}${stderr}`}`)
}

main(process.argv.slice(2))
