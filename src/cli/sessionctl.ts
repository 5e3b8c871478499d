#!/usr/bin/env node
import { checkNode } from './node-version.ts'

if (checkNode('sessionctl')) {
  const { main } = await import('./sessionctl/program.ts')
  await main()
}
