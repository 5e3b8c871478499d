import { type PayloadFlaw, sayFlaws } from './fields.ts'
import type { MachineDocumentFlaw } from './machine-document.ts'

/** Every way in which a machine request can be wrong in itself. What the ledger says to it is another matter. */
export interface RequestProblem {
  code: RequestProblemCode
  message: string
  hint: string
}

export type RequestProblemCode = keyof typeof requestProblems

const makeAgain = 'Make the request again on the machine: `sessionctl activate --request-file request.jws`.'
const copyAgain = `Copy the file again, unchanged (binary, not through an editor). ${makeAgain}`

export const requestProblems = {
  'request-too-large': {
    title: 'The file is larger than any request.',
    describe: (of: { bytes: number; maxBytes: number }) => ({
      message: `The file has ${of.bytes} bytes; a request has at most ${of.maxBytes}.`,
      hint: makeAgain,
    }),
  },
  'request-not-parsable': {
    title: 'The file is not a signed document (JWS compact serialization).',
    describe: (of: { why: string }) => ({
      message: `This is not a request file: ${of.why}.`,
      hint: copyAgain,
    }),
  },
  'request-wrong-type': {
    title: 'It is a signed document of another kind, such as a license.',
    describe: (of: { type: string; expected: string }) => ({
      message: `This is a document of type ${of.type}; a request has type ${of.expected}.`,
      hint: makeAgain,
    }),
  },
  'request-algorithm-refused': {
    title: 'It is signed by an algorithm other than ES256.',
    describe: (of: { algorithm: string }) => ({
      message: `The request is signed with ${of.algorithm}; only ES256 is accepted.`,
      hint: makeAgain,
    }),
  },
  'request-header-refused': {
    title: 'Its header carries more than alg, typ and jwk.',
    describe: (of: { parameter: string }) => ({
      message: `The header of the request carries "${of.parameter}"; only alg, typ and jwk are accepted.`,
      hint: makeAgain,
    }),
  },
  'request-key-invalid': {
    title: 'The key in its header is no public key on P-256.',
    describe: (_of: Record<never, never>) => ({
      message: 'The machine key in the request is not a public key on the curve P-256.',
      hint: makeAgain,
    }),
  },
  'request-signature-invalid': {
    title: 'The signature does not fit: the request was damaged or changed.',
    describe: (_of: Record<never, never>) => ({
      message: 'The signature of the request is wrong: the file was damaged or changed after it was signed.',
      hint: copyAgain,
    }),
  },
  'request-schema-too-new': {
    title: 'It is written in a schema newer than this program.',
    describe: (of: { schema: number; known: number }) => ({
      message: `The request uses schema ${of.schema}; this licensing server reads schema ${of.known}.`,
      hint: 'Update the licensing server.',
    }),
  },
  'request-payload-invalid': {
    title: 'It is signed, but its content does not fit the schema.',
    describe: (of: { flaws: readonly PayloadFlaw[] }) => ({
      message: `The content of the request is wrong: ${sayFlaws(of.flaws)}.`,
      hint: `Update sessiond on the machine. ${makeAgain}`,
    }),
  },
} as const satisfies Record<
  string,
  { title: string; describe: (of: never) => { message: string; hint: string } }
>

type Circumstances<Code extends RequestProblemCode> = Parameters<
  (typeof requestProblems)[Code]['describe']
>[0]

export function requestProblem<Code extends RequestProblemCode>(
  code: Code,
  of: Circumstances<Code>,
): RequestProblem {
  const describe = requestProblems[code].describe as (of: Circumstances<Code>) => {
    message: string
    hint: string
  }
  return { code, ...describe(of) }
}

export function requestProblemOfFlaw(
  flaw: MachineDocumentFlaw,
  bounds: { requestMaxBytes: number; requestType: string },
): RequestProblem {
  switch (flaw.kind) {
    case 'too-large':
      return requestProblem('request-too-large', { bytes: flaw.bytes, maxBytes: bounds.requestMaxBytes })
    case 'not-parsable':
      return requestProblem('request-not-parsable', { why: flaw.why })
    case 'wrong-type':
      return requestProblem('request-wrong-type', { type: flaw.type, expected: bounds.requestType })
    case 'algorithm-refused':
      return requestProblem('request-algorithm-refused', { algorithm: flaw.algorithm })
    case 'parameter-refused':
      return requestProblem('request-header-refused', { parameter: flaw.parameter })
    case 'key-invalid':
      return requestProblem('request-key-invalid', {})
    case 'signature-invalid':
      return requestProblem('request-signature-invalid', {})
  }
}
