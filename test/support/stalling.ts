/** Loaded before a program (`node --import`): at SIGUSR2 its event loop stalls for as many milliseconds as STALL_MS says. */
const stallMs = Number(process.env['STALL_MS'])

process.on('SIGUSR2', () => {
  const until = performance.now() + stallMs
  while (performance.now() < until);
})
