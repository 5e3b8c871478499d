import type { ProgramConfig } from '../../../src/cli/config-flags.ts'
import { program as licensingServer } from '../../../src/cli/licensing-server/program.ts'
import { serverConfig } from '../../../src/cli/licensing-server/server-config.ts'
import type { ProgramSpec } from '../../../src/cli/program.ts'
import { program as sessionctl } from '../../../src/cli/sessionctl/program.ts'
import { commands as sessiond } from '../../../src/cli/sessiond/commands.ts'
import { daemonConfig } from '../../../src/cli/sessiond/daemon-config.ts'
import { environmentVariableOf } from '../../../src/config/load.ts'
import { commandsOf, type RecordedCommand } from './recorder.ts'
import { escaped, example, heading, item, page, paragraph } from './roff.ts'

/** What a page says that no definition of a command does. */
interface Program {
  readonly spec: ProgramSpec
  readonly section: string
  readonly files: Readonly<Record<string, string>>
  readonly seeAlso: string
  /** Its settings are flags as well, and stand on a page of their own. */
  readonly settings: ReadonlySet<string>
  readonly settingsPage: string
}

const keysOf = <Config>(config: ProgramConfig<Config>) => new Set(config.configKeys().map(({ name }) => name))

const PROGRAMS: readonly Program[] = [
  {
    spec: sessiond,
    section: '8',
    files: {
      '/etc/sessiond/sessiond.yaml': 'Configuration.',
      '/etc/sessiond/trust': 'Root certificates of the vendor, which are trusted to sign licenses.',
      '/run/sessiond/sessiond.sock': 'The socket on which call processes connect.',
      '/var/lib/sessiond': 'License, key of the machine, usage history.',
    },
    seeAlso: 'sessionctl(1), sessiond.yaml(5)',
    settings: keysOf(daemonConfig),
    settingsPage: 'sessiond.yaml(5)',
  },
  {
    spec: sessionctl,
    section: '1',
    files: {
      '/etc/sessiond/sessiond.yaml':
        'Configuration of the daemon, which says where its socket and license are.',
      '/run/sessiond/sessiond.sock': 'The socket of the daemon.',
    },
    seeAlso: 'sessiond(8), sessiond.yaml(5)',
    settings: new Set(),
    settingsPage: 'sessiond.yaml(5)',
  },
  {
    spec: licensingServer,
    section: '8',
    files: {
      '/etc/licensing-server/licensing-server.yaml': 'Configuration.',
      '/var/lib/licensing-server/authority': 'Issuing certificate and key, trusted root.',
      '/var/lib/licensing-server/ledger.sqlite': 'The ledger, unless it is in PostgreSQL.',
    },
    seeAlso: 'licensing-server.yaml(5)',
    settings: keysOf(serverConfig),
    settingsPage: 'licensing-server.yaml(5)',
  },
]

/** Every manual page by its name, such as `sessiond.8`: roff, from what the programs say of themselves. */
export function manualPages(version: string, at: number): Record<string, string> {
  const pages: Record<string, string> = {}
  for (const program of PROGRAMS) {
    const { spec, section } = program
    pages[`${spec.name}.${section}`] = page(spec.name, section, version, at, programBody(program))
  }
  const settings = (name: string, body: string) => {
    pages[`${name}.5`] = page(name, '5', version, at, body)
  }
  settings('sessiond.yaml', settingsBody('sessiond', 'SESSIOND', daemonConfig))
  settings('licensing-server.yaml', settingsBody('licensing-server', 'LICENSING_SERVER', serverConfig))
  return pages
}

function programBody(program: Program): string {
  const { spec, files, seeAlso } = program
  const name = spec.name
  const described = spec.describe.replace(/\.$/, '')
  const summary = described.charAt(0).toLowerCase() + described.slice(1)
  return [
    heading('NAME'),
    `${escaped(name)} \\- ${escaped(summary)}\n`,
    heading('SYNOPSIS'),
    `.B ${escaped(name)}\n.I command\n[\\fIoptions\\fR]\n`,
    heading('COMMANDS'),
    ...commandsOf(spec).map(command => commandText(command, program)),
    `.SS ${escaped(`${name} completion`)}\nPrint the script that completes this program in bash and zsh.\n`,
    heading('EXIT STATUS'),
    item('0', 'Done.'),
    item('1', 'A fault: something failed that might not have.'),
    item('2', 'Wrong usage or configuration.'),
    item('3', 'The answer is no.'),
    item('75', 'Nobody answered; try later.'),
    heading('FILES'),
    ...Object.entries(files).map(([file, meaning]) => item(file, meaning)),
    heading('EXAMPLES'),
    ...spec.examples.map(([line, meaning]) => example(line.replace('$0', name), meaning)),
    heading('SEE ALSO'),
    paragraph(seeAlso),
  ].join('')
}

function commandText(command: RecordedCommand, { spec, settings, settingsPage }: Program): string {
  const shown = command.options.filter(({ name, option }) => option.hidden !== true && !settings.has(name))
  const flags = shown.map(({ name, option }) => {
    const dashes = name.length === 1 ? '-' : '--'
    const placeholder = option.type === 'boolean' ? '' : option.type === 'number' ? 'NUMBER' : 'VALUE'
    return item(`${dashes}${name}`, describedOption(option.describe, option.default), placeholder)
  })
  const given = command.arguments.map(({ name, option }) => item(name, describedOption(option.describe)))
  const hasSettings = command.options.some(({ name }) => settings.has(name))
  const more = hasSettings
    ? [paragraph(`And a flag for each setting of ${settingsPage}, such as --log.level.`)]
    : []
  const inner = [...given, ...flags, ...more]
  return [
    `.SS ${escaped(`${spec.name} ${command.words}`)}\n`,
    `${escaped(command.describe)}.\n`,
    ...inner,
  ].join('')
}

function describedOption(text: string | undefined, value?: unknown): string {
  const shown = value === undefined || value === false ? '' : ` (${String(value)} unless given)`
  return `${text ?? ''}${shown}.`
}

function settingsBody<Config>(program: string, prefix: string, config: ProgramConfig<Config>): string {
  const keys = config.configKeys().map(({ name, segments, schema, hasDefault }) => {
    const must = schema.expects === undefined ? '' : ` Must be ${schema.expects}.`
    const value = hasDefault ? ` Default: ${JSON.stringify(schema.default)}.` : ''
    const variable = ` Variable: ${environmentVariableOf(prefix, segments)}.`
    return item(name, `${schema.description ?? ''}${must}${value}${variable}`)
  })
  return [
    heading('NAME'),
    `${escaped(program)}.yaml \\- configuration of ${escaped(program)}\n`,
    heading('DESCRIPTION'),
    paragraph(
      `A YAML file, by default /etc/${program}/${program}.yaml. Every key has a default, so an empty file will do. A key that does not exist is refused. Keys are written here with dots: a.b is b below a.`,
    ),
    paragraph(
      `A flag (--KEY) goes over an environment variable, which goes over the file. Relative paths start at the folder of the file. \`${program} check-config --print\` shows what is in force and who said so.`,
    ),
    heading('KEYS'),
    ...keys,
    heading('SEE ALSO'),
    paragraph(`${program}(8)`),
  ].join('')
}
