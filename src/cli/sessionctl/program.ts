import { runProgram } from '../program.ts'

export async function main(): Promise<void> {
  await runProgram({
    name: 'sessionctl',
    describe: "The operator's command line: shows and serves the daemon of this machine.",
    commands: [],
    examples: [],
  })
}
