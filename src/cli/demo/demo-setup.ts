import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { type Clocks, systemClocks } from '../../daemon/clocks.ts'
import { loadConfig } from '../../daemon/config/load.ts'
import type { License } from '../../license/document.ts'
import { createLogger } from '../../log.ts'
import { writeFileAtomically } from '../files.ts'
import type { Terminal } from '../terminal.ts'
import { provideDemoLicense } from './demo-license.ts'
import { type DemoPaths, demoPaths, makePrivateFolder } from './demo-paths.ts'
import { type DemoVendor, startDemoVendor } from './demo-vendor.ts'

export interface Demo {
  paths: DemoPaths
  license: License
  /** Runs, until it is stopped. */
  vendor: DemoVendor
}

/** Prepares everything that a demonstration daemon runs on, or finds it as it was left. */
export async function setUpDemo(
  folder: string,
  sessions: number,
  terminal: Terminal,
  clocks: Clocks = systemClocks,
): Promise<Demo> {
  const paths = demoPaths(folder)
  for (const each of [folder, paths.state, paths.run, dirname(paths.socket)]) makePrivateFolder(each)
  // The daemon's log is on stdout; of the server beside it only trouble is of interest.
  const vendor = await startDemoVendor(paths, clocks.wallNow, createLogger({ level: 'warn' }))
  try {
    writeFileAtomically(paths.config, demoConfig(paths, vendor.url), { mode: 0o644 })
    const { config } = loadConfig({ file: paths.config, environment: {}, workingDirectory: folder })
    const license = await provideDemoLicense({ config, vendor, sessions, clocks, terminal })
    return { paths, license, vendor }
  } catch (error) {
    await vendor.stop('the demonstration could not be prepared')
    throw error
  }
}

/** Relative paths, so that the folder may be moved with the clone that it lies in. */
function demoConfig(paths: DemoPaths, url: string): string {
  const settings = {
    listen: {
      unix: { path: paths.isSocketElsewhere ? paths.socket : 'run/sessiond.sock', mode: '0600' },
      operators: { path: paths.isSocketElsewhere ? join(dirname(paths.socket), 'operators.sock') : null },
    },
    // A free port: another daemon may run on this machine.
    operations: { port: 0 },
    license: { file: 'state/license.jws', trustDirectory: 'authority/trust' },
    licensingServer: { url },
    stateDirectory: 'state',
    runtimeDirectory: 'run',
  }
  return `# Written by \`sessiond demo\` at each of its starts. Paths start at the folder of this file.\n${stringify(settings)}`
}
