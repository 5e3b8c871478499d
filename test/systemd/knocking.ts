import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/**
 * Connects again and again, in a process of its own, until `stop`, which gives how often that worked and how often not.
 * Whoever knocks and leaves keeps a place in the backlog until the daemon is back, and that has 4096 (`Backlog=`): twenty
 * a second do not fill it, however long a machine with much to do takes.
 */
export function knocking(socket: string) {
  const program = `
    const counts = { connected: 0, refused: 0 }
    const end = (socket, what) => { counts[what]++; socket.destroy(); setTimeout(knock, 50) }
    const knock = () => {
      const socket = require('node:net').connect(process.argv[1])
      socket.once('connect', () => end(socket, 'connected')).once('error', () => end(socket, 'refused'))
    }
    knock()
    process.stdin.resume().once('end', () => { console.log(JSON.stringify(counts)); process.exit() })`
  const child = spawn(process.execPath, ['-e', program, socket], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return async () => {
    child.stdin.end()
    return JSON.parse(await text(child.stdout)) as { connected: number; refused: number }
  }
}
