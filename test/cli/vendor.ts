import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { initAuthority } from '../../src/licensing-server/authority-files.ts'
import { type Invoked, invoke } from './invoke.ts'

/** A folder that goes with the test, short enough for the path of a Unix socket. */
export function shortFolder(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sd-'))
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/**
 * A vendor and a machine below one folder: `authority` with its certificates, `sessiond.yaml` for a machine that
 * trusts it. Keys are as short as is allowed, since making them is what takes the time.
 */
export async function makeVendorAndMachine(folder: string): Promise<{ config: string; authority: string }> {
  const authority = join(folder, 'authority')
  mkdirSync(authority, { recursive: true })
  await initAuthority(authority, { organization: 'Test Vendor', now: Date.now(), rootBits: 3072 })
  const config = join(folder, 'sessiond.yaml')
  writeFileSync(
    config,
    `listen: {unix: {path: d.sock}}
operations: {port: 0}
license: {file: license.jws, trustDirectory: authority/trust}
stateDirectory: state
runtimeDirectory: run
shutdown: {drainMs: 50}
`,
  )
  return { config, authority }
}

/** Has a license made for this machine, by the commands that people use. */
export async function issueByHand(folder: string, out: string, terms: string[]): Promise<Invoked> {
  const request = await invoke(
    'sessionctl',
    ['activate', '--config', 'sessiond.yaml', '--request-file', 'r.jws'],
    { cwd: folder },
  )
  if (request.code !== 0) return request
  const args = [
    'issue',
    '--dir',
    'authority',
    '--request',
    'r.jws',
    '--customer',
    'Example Telecom',
    '--out',
    out,
  ]
  return invoke('licensing-server', [...args, ...terms], { cwd: folder })
}
