import type { KeyObject } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fingerprintIfAny, type MachineFingerprint } from '../../license/fingerprint.ts'
import type { Config } from '../config/schema.ts'
import { readMachineFacts } from './facts.ts'
import { loadOrCreateMachineKey } from './machine-key.ts'

/** Who this machine is: what its requests say, and what signs them. */
export interface MachineIdentity {
  readonly privateKey: KeyObject
  /** Thumbprint of the public key. */
  readonly jkt: string
  /** Null where nothing tells this machine from another. */
  readonly fingerprint: MachineFingerprint | null
  readonly hostname: string
}

/** Reads the machine as it is now: a network card may have been replaced since the start. Faults of the key. */
export async function readIdentity(
  config: Pick<Config, 'stateDirectory' | 'machine'>,
): Promise<MachineIdentity> {
  const { privateKey, jkt } = await loadOrCreateMachineKey(join(config.stateDirectory, 'machine'))
  const credentialsDirectory = process.env['CREDENTIALS_DIRECTORY'] ?? null
  const { facts } = readMachineFacts({ root: config.machine.root, credentialsDirectory })
  return { privateKey, jkt, fingerprint: fingerprintIfAny(facts), hostname: hostname() }
}
