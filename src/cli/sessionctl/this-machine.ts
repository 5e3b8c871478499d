import { join } from 'node:path'
import type { Config } from '../../daemon/config/schema.ts'
import { type MachineReading, readMachineFacts } from '../../daemon/machine/facts.ts'
import { loadMachineKey } from '../../daemon/machine/machine-key.ts'
import { Fault } from '../../errors.ts'
import { fingerprintIfAny, type MachineFingerprint } from '../../license/fingerprint.ts'

/** Where the daemon keeps the machine's key pair. */
export function machineDirectory(config: Config): string {
  return join(config.stateDirectory, 'machine')
}

export interface ThisMachine {
  reading: MachineReading
  /** Null where nothing tells this machine from another. */
  fingerprint: MachineFingerprint | null
  /**
   * The thumbprint of the machine's key; null where there is none yet, a fault where this user may not
   * read it: the private key stands in the same file.
   */
  jkt: string | null | Fault
}

export async function readThisMachine(config: Config): Promise<ThisMachine> {
  const credentialsDirectory = process.env['CREDENTIALS_DIRECTORY'] ?? null
  const reading = readMachineFacts({ root: config.machine.root, credentialsDirectory })
  const fingerprint = fingerprintIfAny(reading.facts)
  return { reading, fingerprint, jkt: await thumbprint(config) }
}

async function thumbprint(config: Config): Promise<string | null | Fault> {
  try {
    return (await loadMachineKey(machineDirectory(config)))?.jkt ?? null
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}
