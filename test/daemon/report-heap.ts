/**
 * Loaded into a daemon by `node --expose-gc --import …`: at SIGUSR2 it frees what nobody refers to and prints
 * what is left, as one line on stderr.
 */
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  process.stderr.write(`live bytes: ${heapUsed + external}\n`)
})
