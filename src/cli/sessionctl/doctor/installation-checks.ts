import { execFile } from 'node:child_process'
import { existsSync, statfsSync, statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Config, operatorsSocketOf } from '../../../daemon/config/schema.ts'
import { groupName } from '../../../user-names.ts'
import { isThere } from '../../../who-may.ts'
import { counted } from '../../counted.ts'
import { type Finding, failed, finding, ok, skipped, warning } from './finding.ts'

const MIB = 1_048_576
const SYSTEMCTL_TIMEOUT_MS = 5000

/** It serves clients before it has told systemd that it is ready. */
const STARTS_WITHIN_MS = 5000
const LOOK_EVERY_MS = 100

/** The first start makes folders and sockets. */
const toStart = 'sudo systemctl start sessiond.socket sessiond, or: sessiond run'

/** Everything that lies on this machine, and needs no daemon to be looked at. */
export function installationChecks(config: Config): Promise<Finding>[] {
  return [
    finding('service', () => serviceFinding()),
    finding('socket', () => socketFinding('socket', config.listen.unix.path, config.listen.unix)),
    finding('operators-socket', () =>
      socketFinding('operators-socket', operatorsSocketOf(config), config.listen.operators),
    ),
    finding('token', () => tokenFinding(config)),
    finding('state-space', () => spaceFinding('state-space', config.stateDirectory)),
    finding('runtime-space', () => spaceFinding('runtime-space', config.runtimeDirectory)),
  ]
}

async function serviceFinding(): Promise<Finding> {
  if (!existsSync('/run/systemd/system')) return skipped('service', 'systemd does not run here.')
  const unit = await startedUnit()
  if (unit['LoadState'] === 'not-found') return skipped('service', 'There is no unit sessiond.service.')
  if (unit['ActiveState'] !== 'active' && unit['ActiveState'] !== 'reloading') {
    const message = `The unit is ${unit['ActiveState']} (${unit['SubState']}).`
    return failed(
      'service',
      message,
      'sudo systemctl start sessiond; why it ended: journalctl -u sessiond -n 50',
    )
  }
  const restarts = Number(unit['NRestarts'])
  if (restarts > 0) {
    return warning(
      'service',
      `systemd had to start it again, ${counted(restarts, 'time')}.`,
      'journalctl -u sessiond -p warning',
    )
  }
  if (unit['UnitFileState'] === 'disabled') {
    return warning('service', 'It runs, but not after the next boot.', 'sudo systemctl enable sessiond')
  }
  return ok('service', 'The unit is active.')
}

type Properties = Readonly<Record<string, string>>

/** What systemd knows of the unit, once it is no longer about to start. */
async function startedUnit(): Promise<Properties> {
  const end = performance.now() + STARTS_WITHIN_MS
  for (;;) {
    const unit = await unitProperties()
    const isStarting = unit['ActiveState'] === 'activating' && unit['SubState'] !== 'auto-restart'
    if (!isStarting || performance.now() > end) return unit
    await setTimeout(LOOK_EVERY_MS)
  }
}

async function unitProperties(): Promise<Properties> {
  const { stdout } = await promisify(execFile)(
    'systemctl',
    ['show', 'sessiond.service', '--property=LoadState,ActiveState,SubState,UnitFileState,NRestarts'],
    { timeout: SYSTEMCTL_TIMEOUT_MS },
  )
  return Object.fromEntries(stdout.split('\n').map(line => line.split('=') as [string, string]))
}

/** A socket of systemd may have another mode than the configuration says, so only what is unsafe or dead counts. */
function socketFinding(
  check: string,
  path: string,
  { mode, group }: { mode: string; group: string | null },
): Finding {
  if (!isThere(path)) return failed(check, `There is no socket ${path}.`, toStart)
  const stats = statSync(path)
  if (!stats.isSocket()) return failed(check, `${path} is no socket.`, `sudo mv ${path} ${path}.aside`)
  const actual = stats.mode & 0o777
  const wanted = Number.parseInt(mode, 8)
  const own = groupName(stats.gid)
  const text = `${path}, mode 0${actual.toString(8)}, group ${own}`
  if ((actual & ~wanted & 0o022) !== 0) {
    return failed(check, `More may connect than configured (${mode}): ${text}.`, `sudo chmod ${mode} ${path}`)
  }
  if (group !== null && own !== group) {
    return failed(check, `The group should be ${group}: ${text}.`, `sudo chgrp ${group} ${path}`)
  }
  if (actual !== wanted)
    return warning(check, `The mode should be ${mode}: ${text}.`, `sudo chmod ${mode} ${path}`)
  return ok(check, `${text}.`)
}

function tokenFinding({ listen: { tcp } }: Config): Finding {
  if (!tcp.enabled) return skipped('token', 'TCP is not listened on.')
  if (!isThere(tcp.tokenFile)) {
    const mend = `(umask 027; openssl rand -hex 32 | sudo tee ${tcp.tokenFile} >/dev/null)`
    return failed('token', `There is no token file ${tcp.tokenFile}.`, mend)
  }
  const stats = statSync(tcp.tokenFile)
  if ((stats.mode & 0o027) !== 0) {
    const mode = `0${(stats.mode & 0o777).toString(8)}`
    return failed(
      'token',
      `Others may read or change ${tcp.tokenFile}: mode ${mode}.`,
      `sudo chmod 0640 ${tcp.tokenFile}`,
    )
  }
  return ok('token', `${tcp.tokenFile} is closed to others.`)
}

function spaceFinding(check: string, folder: string): Finding {
  if (!isThere(folder)) return failed(check, `There is no folder ${folder}.`, toStart)
  const { bavail, bsize, files, ffree } = statfsSync(folder)
  const free = Math.floor((bavail * bsize) / MIB)
  const left = free < 10 * 1024 ? `${free} MiB` : `${Math.floor(free / 1024)} GiB`
  if (files > 0 && ffree === 0)
    return failed(check, `No file can be made in ${folder}: no inode is left.`, `df -i ${folder}`)
  if (free < 16) return failed(check, `${folder} has ${left} left.`, `df -h ${folder}; make room there`)
  if (free < 64) return warning(check, `${folder} has only ${left} left.`, `df -h ${folder}; make room there`)
  return ok(check, `${folder} has ${left} left.`)
}
