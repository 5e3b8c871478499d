import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that buffers hold now, after everything that nobody refers to was freed. */
export function bufferBytes(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}
