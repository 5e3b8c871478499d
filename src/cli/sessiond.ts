#!/usr/bin/env node
import { checkNode } from './node-version.ts'

if (checkNode('sessiond')) {
  const { main } = await import('./sessiond/program.ts')
  await main()
}
