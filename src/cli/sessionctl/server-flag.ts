import type { Argv } from 'yargs'
import { isLoopback } from '../../config/loopback.ts'
import type { Config } from '../../daemon/config/schema.ts'
import { connectLicensingServer, type LicensingServer } from '../../daemon/reactivation/licensing-server.ts'
import { Fault } from '../../errors.ts'
import type { Terminal } from '../terminal.ts'

export interface ServerArgs {
  server: string | undefined
}

/** `--server URL`. */
export function withServerFlag<T>(argv: Argv<T>): Argv<T & ServerArgs> {
  return argv.option('server', {
    type: 'string',
    requiresArg: true,
    describe: 'Address of the licensing server; else licensingServer.url of the configuration',
  }) as unknown as Argv<T & ServerArgs>
}

/** The licensing server of the flag or the configuration. Faults `usage`, `licensing-server-unknown`. */
export function licensingServerOf(args: ServerArgs, config: Config, terminal: Terminal): LicensingServer {
  const { url: configured, caFile, timeoutMs } = config.licensingServer
  const url = args.server ?? configured
  if (url === null) {
    throw new Fault('licensing-server-unknown', 'No licensing server is configured.', {
      hint: 'Name it: --server https://…, or licensingServer.url in the configuration. By hand: sessionctl activate --request-file request.jws',
    })
  }
  checkAddress(url)
  return connectLicensingServer(() => ({ url, caFile, timeoutMs, environment: terminal.environment }))
}

function checkAddress(url: string): void {
  const address = URL.canParse(url) ? new URL(url) : null
  const isWeb = address !== null && /^https?:$/.test(address.protocol)
  if (!isWeb)
    throw new Fault('usage', `'${url}' is no address of a server.`, {
      hint: 'Such as https://licensing.example.com',
    })
  if (address.protocol === 'https:' || isLoopback(address.hostname.replace(/^\[|\]$/g, ''))) return
  throw new Fault('usage', `'${url}' is plain HTTP: an installation key could be read on its way.`, {
    hint: 'Use https. Plain HTTP is for this machine alone.',
  })
}
