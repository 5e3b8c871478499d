import type { LoadedConfig } from '../../daemon/config/load.ts'
import { assignSockets } from '../../systemd/inherited-sockets.ts'
import type { ExitCode } from '../exit-codes.ts'
import { runService } from '../service.ts'
import { programVersion } from '../version.ts'

/**
 * Runs the daemon until it is told to stop. SIGHUP reads configuration and license again.
 *
 * @param load reads the configuration anew, for SIGHUP
 * @param onListening is called when clients may connect
 */
export function serve(load: () => LoadedConfig, onListening: () => void = () => {}): Promise<ExitCode> {
  return runService('sessiond', load, async (config, log, inherited) => {
    const { sockets, leftOver } = assignSockets(inherited, ['unix', 'tcp', 'operations'])
    if (leftOver.length > 0) {
      const hint = 'FileDescriptorName= of a socket unit is unix, tcp or operations, each once.'
      log.warn({ sockets: leftOver, hint }, 'systemd opened sockets that are not served.')
    }
    // Loaded late, so that a wrong configuration is told without loading SQLite.
    const { startDaemon } = await import('../../daemon/daemon.ts')
    const daemon = await startDaemon(config, log, programVersion(), { given: sockets })
    onListening()
    return daemon
  })
}
