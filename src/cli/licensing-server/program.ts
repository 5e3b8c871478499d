import { runProgram } from '../program.ts'

export async function main(): Promise<void> {
  await runProgram({
    name: 'licensing-server',
    describe: "The vendor's licensing server: makes its certificates and signs licenses.",
    commands: [],
    examples: [],
  })
}
