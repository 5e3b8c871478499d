/** Options that several commands of the licensing server share. */
export const directoryOption = {
  type: 'string',
  requiresArg: true,
  demandOption: true,
  describe: 'Folder of the licensing authority',
} as const

export const jsonOption = { type: 'boolean', default: false, describe: 'Print JSON' } as const
