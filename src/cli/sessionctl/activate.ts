import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { loadOrCreateMachineKey } from '../../daemon/machine/machine-key.ts'
import { createMachineRequest } from '../../license/machine-request.ts'
import { authenticateLicense } from '../../license/verify.ts'
import { exitCode } from '../exit-codes.ts'
import { writeFileAtomically } from '../files.ts'
import { defineCommand } from '../program.ts'
import { findConfig, withDaemonFlags } from './find-daemon.ts'
import { authenticationContext, readLicenseFile } from './license-context.ts'
import { machineDirectory, readThisMachine } from './this-machine.ts'

export const activate = defineCommand({
  command: 'activate',
  describe: 'Write the request with which this machine asks for its license',
  builder: argv =>
    withDaemonFlags(argv)
      .option('request-file', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'Where to write the request, to be carried to the licensing server by hand',
      })
      .option('sessions', {
        type: 'number',
        requiresArg: true,
        describe: 'Sessions that this machine wants to own in all; left out: as many as it owns',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print the content of the request as JSON',
      }),
  async run(args, terminal) {
    const { config } = findConfig(args, terminal)
    const key = await loadOrCreateMachineKey(machineDirectory(config))
    const { fingerprint } = await readThisMachine(config)
    const text = readLicenseFile(config.license.file)
    const context = text === null ? null : await authenticationContext(config, { anyMachine: false })
    const verdict = text === null || context === null ? null : await authenticateLicense(text, context)
    const current = verdict?.license
    const content = {
      product: 'call-services' as const,
      version: config.product.version,
      installationId: current?.installationId ?? null,
      generation: current?.generation ?? 0,
      sessions: args.sessions ?? null,
      fingerprint,
      hostname: hostname(),
      deactivationOf: current?.deactivated === true ? current.licenseId : null,
    }
    const signing = { privateKey: key.privateKey, requestId: randomUUID(), now: Date.now() }
    const request = await createMachineRequest(content, signing)
    const file = terminal.resolve(args.requestFile)
    writeFileAtomically(file, `${request}\n`, { mode: 0o644 })
    if (args.json)
      terminal.printJson({ file, requestId: signing.requestId, machineKeyThumbprint: key.jkt, ...content })
    terminal.say(`The request of this machine is in ${file}.`)
    terminal.say(
      'Carry it to the licensing server; install the license that comes back: sessionctl license install FILE',
    )
    return exitCode.ok
  },
})
