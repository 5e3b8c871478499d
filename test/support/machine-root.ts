import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Writes the files of which the facts of a machine are read below `folder`, for `machine.root`: as many machines
 * as a test needs, on one. Every call makes another machine.
 */
export function makeMachineRoot(folder: string): void {
  const facts = {
    'etc/machine-id': `${randomBytes(16).toString('hex')}\n`,
    'sys/class/dmi/id/product_uuid': `${randomUUID()}\n`,
    'sys/class/net/eth0/address': `02:${randomBytes(5).toString('hex').match(/../g)!.join(':')}\n`,
    'sys/class/net/eth0/device/vendor': '0x8086\n',
    'proc/cpuinfo': 'model name\t: AMD EPYC 7302P 16-Core Processor\n',
  }
  for (const [path, text] of Object.entries(facts)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
