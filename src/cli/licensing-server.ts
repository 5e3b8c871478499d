#!/usr/bin/env node
import { checkNode } from './node-version.ts'

if (checkNode('licensing-server')) {
  const { main } = await import('./licensing-server/program.ts')
  await main()
}
