#!/usr/bin/env node
import { checkNode } from './node-version.ts'

if (checkNode('licensing-server')) void run()

async function run(): Promise<void> {
  const { main } = await import('./licensing-server/program.ts')
  const { processTerminal } = await import('./terminal.ts')
  process.exitCode = await main(process.argv.slice(2), processTerminal())
}
