import { writeFileSync } from 'node:fs'
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { runWithTearDown } from '../storm/tear-down.ts'
import { tableOf } from './flat.ts'
import { soak } from './soak.ts'

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run soak --')
  .usage('$0\n\nMixed load on sessiond for a long time: memory, files, journal and latency must stay flat.')
  .option('minutes', { type: 'number', default: 60, describe: 'How long' })
  .option('rate', { type: 'number', default: 1000, describe: 'Calls a second' })
  .option('seed', { type: 'number', describe: 'Of the lengths of the calls' })
  .option('json', { type: 'string', describe: 'Write the result with all samples to this file' })
  .strict()
  .parse()

const seed = args.seed ?? Math.floor(Math.random() * 2 ** 31)
process.stderr.write(`seed ${seed}\n`)
const result = await runWithTearDown(t =>
  soak(t, {
    ...{ seconds: args.minutes * 60, rate: args.rate, seed, sampleEvery: 5 },
    onSample: ({ atSeconds, residentBytes, p99Ms }) =>
      process.stderr.write(
        `\r${atSeconds.toFixed(0)} s: ${(residentBytes / 1_048_576).toFixed(0)} MiB, p99 ${p99Ms.toFixed(1)} ms  `,
      ),
  }),
)
const { samples, trends, ...rest } = result
process.stderr.write('\n')
process.stdout.write(`${tableOf(trends)}\n\n${JSON.stringify(rest, null, 2)}\n`)
if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify(result, null, 2)}\n`)
process.exitCode = trends.every(({ isFlat }) => isFlat) ? 0 : 1
