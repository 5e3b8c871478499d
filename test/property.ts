import fc from 'fast-check'

/**
 * Parameters for `fc.assert`. A failure prints how to run it again:
 *   FC_SEED and FC_PATH   replay that one case
 *   FC_RUNS               histories or inputs to try, many more than usual for a night's run
 */
export function parameters<T>(runs: number): fc.Parameters<T> {
  const { FC_SEED, FC_PATH, FC_RUNS } = process.env
  return {
    numRuns: Number(FC_RUNS ?? runs),
    ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
    ...(FC_PATH === undefined ? {} : { path: FC_PATH, endOnFailure: true }),
    reporter: details => {
      const report = fc.defaultReportMessage(details)
      if (report === undefined) return
      const { seed, counterexamplePath } = details
      const [, file] = process.argv
      const again = `FC_SEED=${seed} FC_PATH=${counterexamplePath} npx node ${file}`
      throw new Error(`${report}\n\nRun this case again: ${again}`, { cause: details.errorInstance })
    },
  }
}
