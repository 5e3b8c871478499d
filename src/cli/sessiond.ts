#!/usr/bin/env -S node --max-semi-space-size=4
// A small young generation (MB): what requests leave behind is freed soon, and the daemon stays small under load.
import { checkNode } from './node-version.ts'

if (checkNode('sessiond')) void run()

async function run(): Promise<void> {
  const { main } = await import('./sessiond/program.ts')
  const { processTerminal } = await import('./terminal.ts')
  process.exitCode = await main(process.argv.slice(2), processTerminal())
}
