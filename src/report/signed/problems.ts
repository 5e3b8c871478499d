import { type PayloadFlaw, sayFlaws } from '../../license/fields.ts'
import type { MachineDocumentFlaw } from '../../license/machine-document.ts'

/** Every way in which a signed usage report can be wrong, in itself or for the ledger. */
export interface UsageReportProblem {
  code: UsageReportProblemCode
  message: string
  hint: string
}

export type UsageReportProblemCode = keyof typeof usageReportProblems

const makeAgain = 'Have it made again on the machine: `sessionctl report --sign report.jws`.'
const copyAgain = `Copy the file again, unchanged (binary, not through an editor). ${makeAgain}`

export const usageReportProblems = {
  'usage-report-too-large': {
    title: 'The file is larger than any signed report.',
    describe: (of: { bytes: number; maxBytes: number }) => ({
      message: `The file has ${of.bytes} bytes; a signed report has at most ${of.maxBytes}.`,
      hint: makeAgain,
    }),
  },
  'usage-report-not-parsable': {
    title: 'The file is not a signed document (JWS compact serialization).',
    describe: (of: { why: string }) => ({
      message: `This is not a signed report: ${of.why}.`,
      hint: copyAgain,
    }),
  },
  'usage-report-wrong-type': {
    title: 'It is a signed document of another kind, such as a request.',
    describe: (of: { type: string; expected: string }) => ({
      message: `This is a document of type ${of.type}; a signed report has type ${of.expected}.`,
      hint: makeAgain,
    }),
  },
  'usage-report-algorithm-refused': {
    title: 'It is signed by an algorithm other than ES256.',
    describe: (of: { algorithm: string }) => ({
      message: `The report is signed with ${of.algorithm}; only ES256 is accepted.`,
      hint: makeAgain,
    }),
  },
  'usage-report-header-refused': {
    title: 'Its header carries more than alg, typ and jwk.',
    describe: (of: { parameter: string }) => ({
      message: `The header of the report carries "${of.parameter}"; only alg, typ and jwk are accepted.`,
      hint: makeAgain,
    }),
  },
  'usage-report-key-invalid': {
    title: 'The key in its header is no public key on P-256.',
    describe: (_of: Record<never, never>) => ({
      message: 'The machine key in the report is not a public key on the curve P-256.',
      hint: makeAgain,
    }),
  },
  'usage-report-signature-invalid': {
    title: 'The signature does not fit: the report was damaged or changed.',
    describe: (_of: Record<never, never>) => ({
      message: 'The signature of the report is wrong: the file was damaged or changed after it was signed.',
      hint: copyAgain,
    }),
  },
  'usage-report-schema-too-new': {
    title: 'It is written in a schema newer than this program.',
    describe: (of: { schema: number; known: number }) => ({
      message: `The report uses schema ${of.schema}; this licensing server reads schema ${of.known}.`,
      hint: 'Update the licensing server.',
    }),
  },
  'usage-report-payload-invalid': {
    title: 'It is signed, but its content does not fit the schema.',
    describe: (of: { flaws: readonly PayloadFlaw[] }) => ({
      message: `The content of the report is wrong: ${sayFlaws(of.flaws)}.`,
      hint: `Update sessiond on the machine. ${makeAgain}`,
    }),
  },
  'usage-report-installation-unknown': {
    title: 'The ledger does not know its installation.',
    describe: (of: { installationId: string }) => ({
      message: `The report is of installation ${of.installationId}, which this ledger does not know.`,
      hint: 'Is this the ledger of that customer? Those that it knows: `licensing-server installation list`.',
    }),
  },
  'usage-report-other-machine': {
    title: 'Another machine signed it than the one that has the installation.',
    describe: (of: { installationId: string; jkt: string; expected: string }) => ({
      message: `The report was signed by the machine key ${of.jkt}; installation ${of.installationId} has ${of.expected}.`,
      hint: 'Have it made on the machine of that installation; `sessionctl fingerprint` there shows its machine key.',
    }),
  },
} as const satisfies Record<
  string,
  { title: string; describe: (of: never) => { message: string; hint: string } }
>

type Circumstances<Code extends UsageReportProblemCode> = Parameters<
  (typeof usageReportProblems)[Code]['describe']
>[0]

export function usageReportProblem<Code extends UsageReportProblemCode>(
  code: Code,
  of: Circumstances<Code>,
): UsageReportProblem {
  const describe = usageReportProblems[code].describe as (of: Circumstances<Code>) => {
    message: string
    hint: string
  }
  return { code, ...describe(of) }
}

export function usageReportProblemOfFlaw(
  flaw: MachineDocumentFlaw,
  maxBytes: number,
  expected: string,
): UsageReportProblem {
  switch (flaw.kind) {
    case 'too-large':
      return usageReportProblem('usage-report-too-large', { bytes: flaw.bytes, maxBytes })
    case 'not-parsable':
      return usageReportProblem('usage-report-not-parsable', { why: flaw.why })
    case 'wrong-type':
      return usageReportProblem('usage-report-wrong-type', { type: flaw.type, expected })
    case 'algorithm-refused':
      return usageReportProblem('usage-report-algorithm-refused', { algorithm: flaw.algorithm })
    case 'parameter-refused':
      return usageReportProblem('usage-report-header-refused', { parameter: flaw.parameter })
    case 'key-invalid':
      return usageReportProblem('usage-report-key-invalid', {})
    case 'signature-invalid':
      return usageReportProblem('usage-report-signature-invalid', {})
  }
}
