import { writeSync } from 'node:fs'

/**
 * Loaded before a program (`node --import`): at SIGUSR2 its event loop stalls for as many milliseconds as STALL_MS says,
 * and a line of its log says so when that begins.
 */
const stallMs = Number(process.env['STALL_MS'])

process.on('SIGUSR2', () => {
  const until = performance.now() + stallMs
  writeSync(1, `${JSON.stringify({ level: 'info', message: 'The event loop stalls.' })}\n`)
  while (performance.now() < until);
})
