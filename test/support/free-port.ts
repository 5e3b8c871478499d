import { createServer } from 'node:net'
import { until } from './until.ts'

/** A port of loopback that nobody listens on now, for programs that do not tell which one they took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await until('it listens', () => server.listening)
  const { port } = server.address() as { port: number }
  await new Promise(done => server.close(done))
  return port
}
