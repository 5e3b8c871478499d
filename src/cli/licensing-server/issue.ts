import type { License } from '../../license/document.ts'
import { sayValidity } from '../../license/lifecycle.ts'
import { readIssuer } from '../../licensing-server/authority-files.ts'
import { defaultTerms, issueLicense, type LicenseTerms } from '../../licensing-server/issue-license.ts'
import { exitCode } from '../exit-codes.ts'
import { readOperatorFile, writeFileAtomically } from '../files.ts'
import { defineCommand } from '../program.ts'
import { directoryOption, jsonOption } from './options.ts'

export const issue = defineCommand({
  command: 'issue',
  describe: 'Sign a license for the machine that made a request',
  builder: argv =>
    argv
      .option('dir', directoryOption)
      .option('request', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: "The machine's request file",
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'Where to write the license',
      })
      .option('sessions', {
        type: 'number',
        requiresArg: true,
        demandOption: true,
        describe: 'Sessions at one time',
      })
      .option('customer', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'Name of the customer',
      })
      .option('customer-id', { type: 'string', requiresArg: true, describe: 'Else made from the name' })
      .option('expires', {
        type: 'string',
        requiresArg: true,
        describe: 'Last day, YYYY-MM-DD (UTC); left out: perpetual',
      })
      .option('grace-days', {
        type: 'number',
        requiresArg: true,
        default: defaultTerms.graceDays,
        describe: 'Days in which calls still pass after expiry',
      })
      .option('feature', {
        type: 'string',
        array: true,
        requiresArg: true,
        default: [] as string[],
        describe: 'A licensed feature; may be repeated',
      })
      .option('versions', {
        type: 'string',
        requiresArg: true,
        describe: 'Range of versions such as 5.0..5.x; left out: all',
      })
      .option('json', jsonOption),
  async run(args, terminal) {
    const now = Date.now()
    const terms = termsOf(args)
    const issuer = readIssuer(terminal.resolve(args.dir), now)
    const result = await issueLicense(readOperatorFile(terminal.resolve(args.request)), terms, issuer, now)
    if (!result.ok) {
      const { code, message, hint } = result.problem
      if (args.json) terminal.printJson({ issued: false, problem: result.problem })
      terminal.say(`Not issued: ${message} (${code})`)
      terminal.say(`hint: ${hint}`)
      return exitCode.negative
    }
    const file = terminal.resolve(args.out)
    writeFileAtomically(file, `${result.text}\n`, { mode: 0o644, isNew: true })
    if (args.json) terminal.printJson({ issued: true, file, license: result.license })
    else terminal.print(sayIssued(result.license, result.request.hostname))
    terminal.say(`The license is in ${file}. On the machine: sessionctl license install ${args.out}`)
    return exitCode.ok
  },
})

interface TermArgs {
  sessions: number
  customer: string
  customerId: string | undefined
  expires: string | undefined
  graceDays: number
  feature: string[]
  versions: string | undefined
}

function termsOf(args: TermArgs): LicenseTerms {
  const [from, to] = args.versions?.split('..') ?? []
  return {
    ...defaultTerms,
    customer: { id: args.customerId ?? idOf(args.customer), name: args.customer },
    maxSessions: args.sessions,
    expiresOn: args.expires ?? null,
    graceDays: args.graceDays,
    features: args.feature,
    versions:
      args.versions === undefined ? defaultTerms.versions : { from: from ?? '', to: to ?? from ?? '' },
  }
}

/** `Example Telecom, Inc.` becomes `example-telecom-inc`. */
function idOf(name: string): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')
  return words.join('-').slice(0, 64) || 'customer'
}

function sayIssued(license: License, hostname: string): string {
  const { licenseId, maxSessions, customer } = license
  return `License ${licenseId}: ${maxSessions} sessions for ${customer.name}, ${sayValidity(license)}, locked to ${hostname}`
}
