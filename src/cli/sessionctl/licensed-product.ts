import { dirname, join } from 'node:path'
import type { Argv } from 'yargs'
import type { Config } from '../../daemon/config/schema.ts'
import type { Licensed } from '../../daemon/license/license-keeper.ts'
import { Fault } from '../../errors.ts'
import type { Terminal } from '../terminal.ts'

export interface ProductArgs {
  product: string
  'product-version': string | undefined
  productVersion: string | undefined
  out: string | undefined
}

/** `--product`, `--product-version` and `--out`: what the license is for. */
export function withProductFlags<T>(argv: Argv<T>): Argv<T & ProductArgs> {
  return argv
    .option('product', {
      choices: ['call-services', 'studio'],
      default: 'call-services',
      describe: 'What the license is for; studio takes a seat for this machine',
    })
    .option('product-version', {
      type: 'string',
      requiresArg: true,
      describe: 'Installed version of Studio, such as 5.1; that of Call Services stands in the configuration',
    })
    .option('out', {
      type: 'string',
      requiresArg: true,
      describe: 'Where the license of Studio lies; else studio-license.jws beside that of Call Services',
    }) as unknown as Argv<T & ProductArgs>
}

/** The product of the flags, with its version and the file of its license. A Fault `usage` where they do not fit. */
export function licensedOf(args: ProductArgs, config: Config, terminal: Terminal): Licensed {
  const { product, productVersion, out } = args
  if (product !== 'studio') {
    if (productVersion === undefined && out === undefined) {
      return { product: 'call-services', version: config.product.version, file: config.license.file }
    }
    throw new Fault('usage', '--product-version and --out go with --product studio.', {
      hint: 'Version and license file of Call Services stand in the configuration: product.version, license.file.',
    })
  }
  if (productVersion === undefined) {
    throw new Fault('usage', 'Say which version of Studio is installed.', {
      hint: 'For example: --product studio --product-version 5.1',
    })
  }
  const file = out === undefined ? studioFileOf(config) : terminal.resolve(out)
  return { product, version: productVersion, file }
}

/** Where the license of Studio lies where nobody says otherwise. */
function studioFileOf({ license }: Config): string {
  return join(dirname(license.file), 'studio-license.jws')
}
