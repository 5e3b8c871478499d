import { writeFileSync } from 'node:fs'
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { storm } from './storm.ts'
import { runWithTearDown } from './tear-down.ts'

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run storm --')
  .usage(
    '$0\n\nKills sessiond again and again under load, and compares the books of both sides after each kill.',
  )
  .option('kills', { type: 'number', default: 1000, describe: 'Kills of the daemon' })
  .option('seed', { type: 'number', describe: 'Repeats the moments of an earlier storm' })
  .option('json', { type: 'string', describe: 'Write the result to this file' })
  .strict()
  .parse()

const seed = args.seed ?? Math.floor(Math.random() * 2 ** 31)
process.stderr.write(`seed ${seed}; Ctrl-C ends it early, with its result\n`)
let interrupted = false
process.once('SIGINT', () => {
  interrupted = true
})
const result = await runWithTearDown(t =>
  storm(t, {
    kills: args.kills,
    seed,
    isOver: () => interrupted,
    onKill: (kill, { granted, callerKills }) => {
      if (!process.stderr.isTTY || kill % 10 > 1) return
      process.stderr.write(
        `\r${kill} of ${args.kills} kills, ${callerKills} of call processes, ${granted} grants `,
      )
    },
  }),
)
if (process.stderr.isTTY) process.stderr.write('\n')
const text = `${JSON.stringify(result, null, 2)}\n`
process.stdout.write(text)
if (args.json !== undefined) writeFileSync(args.json, text)
process.exitCode = result.wrong.length === 0 ? 0 : 1
