import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

export interface Server {
  readonly port: number
  readonly child: ChildProcess
}

/**
 * The licensing server as shipped (`dist/`), also in the flags of node that its first line names, with limits that nobody
 * meets. `flags` come after those.
 */
export async function startLicensingServer(
  authority: string,
  location: string,
  { directory, flags }: { directory: string; flags: string[] },
): Promise<Server> {
  const port = await freePort()
  const quota = { burst: 1_000_000, perHour: 100_000_000 }
  const config = {
    listen: { port },
    operations: { enabled: false },
    authority: { directory: authority },
    ledger: { location },
    limits: { perAddress: quota, perKey: quota, wrongKeys: quota },
  }
  const file = join(directory, `server-${port}.yaml`)
  writeFileSync(file, JSON.stringify(config))
  const program = join(import.meta.dirname, '../dist/cli/licensing-server.cjs')
  return start([...shippedFlags(program), ...flags, program, 'run', '--config', file], port)
}

function shippedFlags(program: string): string[] {
  const [firstLine = ''] = readFileSync(program, 'utf8').split('\n', 1)
  return firstLine.split(' ').filter(word => word.startsWith('--'))
}

/** See peers/bare-issuer.ts. */
export async function startBareIssuer(authority: string, location: string): Promise<Server> {
  const port = await freePort()
  const program = join(import.meta.dirname, 'peers/bare-issuer.ts')
  return start([program, authority, location, String(port)], port)
}

async function start(args: string[], port: number): Promise<Server> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  for (let tries = 0; ; tries++) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (answered) return { port, child }
    if (tries === 200 || child.exitCode !== null)
      throw new Error(`The server on port ${port} does not answer.`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

export async function stopServer({ child }: Server): Promise<void> {
  if (child.exitCode !== null) return
  const exited = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exited
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => probe.once('listening', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise(resolve => probe.close(resolve))
  return port
}
