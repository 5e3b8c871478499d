import { dirname } from 'node:path'
import { stringify } from 'yaml'
import type { License } from '../../license/document.ts'
import { writeFileAtomically } from '../files.ts'
import { provideDemoLicense } from './demo-license.ts'
import { type DemoPaths, demoPaths, makePrivateFolder } from './demo-paths.ts'

export interface Demo {
  paths: DemoPaths
  license: License
}

/** Prepares everything that a demonstration daemon runs on, or finds it as it was left. */
export async function setUpDemo(folder: string, sessions: number, now: number): Promise<Demo> {
  const paths = demoPaths(folder)
  for (const each of [folder, paths.state, paths.run, dirname(paths.socket)]) makePrivateFolder(each)
  const license = await provideDemoLicense(paths, sessions, now)
  writeFileAtomically(paths.config, demoConfig(paths), { mode: 0o644 })
  return { paths, license }
}

/** Relative paths, so that the folder may be moved with the clone that it lies in. */
function demoConfig(paths: DemoPaths): string {
  const settings = {
    listen: { unix: { path: paths.isSocketElsewhere ? paths.socket : 'run/sessiond.sock', mode: '0600' } },
    license: { file: 'state/license.jws', trustDirectory: 'authority/trust' },
    stateDirectory: 'state',
    runtimeDirectory: 'run',
  }
  return `# Written by \`sessiond demo\` at each of its starts. Paths start at the folder of this file.\n${stringify(settings)}`
}
