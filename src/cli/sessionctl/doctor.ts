import type { LoadedConfig } from '../../daemon/config/load.ts'
import { Fault } from '../../errors.ts'
import { exitCode } from '../exit-codes.ts'
import { defineCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { askDaemon } from './ask-daemon.ts'
import { daemonFindings } from './doctor/daemon-checks.ts'
import { type Finding, failed, finding, ok, warning } from './doctor/finding.ts'
import { installationChecks } from './doctor/installation-checks.ts'
import { licenseChecks } from './doctor/license-checks.ts'
import { serverFinding } from './doctor/server-check.ts'
import { findConfig, findSocket, withDaemonFlags } from './find-daemon.ts'

type Style = Parameters<Terminal['style']>[0]

const marks: Record<Finding['result'], { readonly word: string; readonly style: Style }> = {
  ok: { word: 'ok', style: 'green' },
  warning: { word: 'warning', style: 'yellow' },
  failed: { word: 'FAILED', style: 'red' },
  skipped: { word: '-', style: 'dim' },
}

export const doctor = defineCommand({
  command: 'doctor',
  describe: 'Check the whole installation, and say what mends each fault',
  builder: argv =>
    withDaemonFlags(argv).option('json', { type: 'boolean', default: false, describe: 'Print JSON' }),
  async run(args, terminal) {
    const loaded = load(() => findConfig(args, terminal))
    const findings = 'config' in loaded ? await lookAtAll(loaded, args, terminal) : [loaded]
    const healthy = findings.every(({ result }) => result !== 'failed')
    if (args.json) terminal.printJson({ healthy, findings })
    else for (const line of findings.flatMap(one => findingLines(one, terminal))) terminal.print(line)
    return healthy ? exitCode.ok : exitCode.negative
  },
})

/** The configuration, or what is wrong with it: then nothing else can be looked at. */
function load(read: () => LoadedConfig): LoadedConfig | Finding {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return failed('config', error.message, error.hint ?? 'sessiond check-config')
  }
}

async function lookAtAll(
  { config, warnings, file }: LoadedConfig,
  args: Parameters<typeof findSocket>[0],
  terminal: Terminal,
): Promise<Finding[]> {
  const [first] = warnings
  const configured =
    first === undefined
      ? ok('config', `${file ?? 'The defaults'} can be used.`)
      : warning('config', String(first), 'sessiond check-config')
  const socket = args.socket === undefined ? config.listen.unix.path : findSocket(args, terminal)
  // First, since to ask is what starts a daemon that systemd starts at the first connection.
  const daemon = await askedFindings(socket)
  const checks = [
    ...installationChecks(config),
    ...licenseChecks(config, terminal),
    finding('licensing-server', () => serverFinding(config, terminal.environment)),
  ]
  const looked = await Promise.all(checks)
  // Why the daemon did not take a license file is mostly seen at the file, too.
  const isSeen = (said: Finding) =>
    looked.some(({ check, message }) => check === said.check && said.message.endsWith(message))
  return [configured, ...daemon.filter(said => !isSeen(said)), ...looked]
}

async function askedFindings(socket: string): Promise<Finding[]> {
  try {
    const [status, license] = await askDaemon(socket, client =>
      Promise.all([client.status(), client.license()]),
    )
    return [ok('daemon', `It answers on ${socket}.`), ...daemonFindings(status, license, Date.now())]
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return [failed('daemon', error.message, error.hint ?? 'sudo systemctl start sessiond')]
  }
}

function findingLines({ check, result, message, mend }: Finding, terminal: Terminal): string[] {
  const { word, style } = marks[result]
  const line = `${terminal.style(style, word.padEnd(8))}${check.padEnd(17)}${message}`
  return mend === null ? [line] : [line, `${' '.repeat(25)}→ ${mend}`]
}
