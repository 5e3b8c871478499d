import { join } from 'node:path'
import { authorityPaths } from '../../licensing-server/authority-files.ts'
import { readAuthorityRoots } from '../../licensing-server/issuer-keeper.ts'
import { readOperatorFile } from '../files.ts'
import { commandGroup } from '../program.ts'
import { ledgerCommand, tell } from './ledger-command.ts'
import { tableLines } from './ledger-view.ts'

const publish = ledgerCommand({
  command: 'publish [file]',
  describe: 'Give machines a signed revocation list with their next reactivation; `revoke` makes one',
  builder: argv =>
    argv.positional('file', {
      type: 'string',
      describe: `The list; else ${authorityPaths.revocationList} of the authority`,
    }),
  async run(desk, args) {
    const { directory } = desk.config.authority
    const file =
      args.file === undefined
        ? join(directory, authorityPaths.revocationList)
        : desk.terminal.resolve(args.file)
    const text = Buffer.from(readOperatorFile(file)).toString('utf8')
    const list = await desk.admin.publishRevocationList(text, readAuthorityRoots(directory))
    return tell(desk, args, list, [
      `Revocation list ${list.number} with ${list.revoked} ${list.revoked === 1 ? 'certificate' : 'certificates'} ${list.isNew ? 'is published' : 'had been published before'}.`,
    ])
  },
})

const list = ledgerCommand({
  command: 'list',
  describe: 'List the revocation lists that machines are given',
  builder: argv => argv,
  async run(desk, args) {
    const lists = await desk.store.revocationLists()
    const rows = lists.map(({ root, number }) => [root, number])
    return tell(desk, args, lists, tableLines(['Root', 'number'], rows, [1]))
  },
})

export const revocations = commandGroup('revocations', 'Revocation lists that machines are given', [
  publish,
  list,
])
