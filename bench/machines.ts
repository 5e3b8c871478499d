import { execFile, execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fingerprintOf, type MachineFingerprint } from '../src/license/fingerprint.ts'
import { createMachineRequest } from '../src/license/machine-request.ts'

/** A machine that was activated, or shall be. */
export interface Machine {
  readonly key: KeyObject
  readonly fingerprint: MachineFingerprint
  installationId: string | null
  generation: number
}

/** What machines.c says of a run. */
export interface Run {
  /** Answers a second, of the time in which as many machines waited as there are. */
  readonly rate: number
  readonly answered: number[]
  /** Of the generator itself. */
  readonly cpuSeconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export function newMachine(): Machine {
  const mac = randomUUID().replaceAll('-', '').slice(0, 10).match(/../g)!.join(':')
  const fingerprint = fingerprintOf({
    machineId: randomUUID().replaceAll('-', ''),
    productUuid: randomUUID(),
    macs: [`00:${mac}`],
    cpuModel: 'Benchmark',
  })
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  return { key, fingerprint, installationId: null, generation: 0 }
}

/** Signed as the machine does it. `generation` is that of the license which it will hold when it asks. */
export function requestOf(machine: Machine, generation: number, sessions: number | null): Promise<string> {
  const { key: privateKey, fingerprint, installationId } = machine
  return createMachineRequest(
    {
      product: 'call-services',
      version: '5.1',
      installationId,
      generation,
      sessions,
      fingerprint,
      hostname: 'bench',
      earlierRequestIds: [],
      deactivationOf: null,
    },
    { privateKey, requestId: randomUUID(), now: Date.now() },
  )
}

export function buildMachines(directory: string): string {
  const program = join(directory, 'machines')
  execFileSync('cc', ['-O2', '-Wall', '-o', program, join(import.meta.dirname, 'machines.c')], {
    stdio: 'inherit',
  })
  return program
}

/**
 * Signs `most` requests of each machine into a file. In the field a machine spends its own time on that; here it would
 * be taken from the servers'. Every answer raises the generation by one, so the requests to come are known.
 */
export async function prepareRequests(file: string, machines: Machine[], most: number): Promise<void> {
  const lines: string[] = []
  for (const [number, machine] of machines.entries()) {
    for (let turn = 0; turn < most; turn++) {
      const request = await requestOf(machine, machine.generation + turn, null)
      lines.push(`${number} ${JSON.stringify({ request })}\n`)
    }
  }
  writeFileSync(file, lines.join(''))
}

/** Lets the machines ask for so long, and notes what they were answered. */
export async function runMachines(
  program: string,
  file: string,
  machines: Machine[],
  load: { leadSeconds: number; seconds: number; ports: number[] },
): Promise<Run> {
  const numbers = [load.leadSeconds, load.seconds, ...load.ports].map(String)
  const { stdout } = await promisify(execFile)(program, [file, ...numbers])
  const run = JSON.parse(stdout) as Run
  for (const [number, answered] of run.answered.entries()) machines[number]!.generation += answered
  return run
}
