import { type PayloadFlaw, sayFlaws } from './fields.ts'
import { sayInstant } from './instant.ts'

/**
 * Every way in which a license can be wrong. `code` is stable: programs and tests compare it.
 * `message` says what and why, with the values of this case; `hint` says what to do next.
 */
export interface LicenseProblem {
  code: LicenseProblemCode
  message: string
  hint: string
}

export type LicenseProblemCode = keyof typeof licenseProblems

const askForLicense =
  'Ask for a license of this machine: `sessionctl activate`, or by hand `sessionctl activate --request-file request.jws`.'
const askForFreshLicense =
  'Fetch a fresh license: `sessionctl reactivate`, or by hand `sessionctl activate --request-file request.jws`.'
const fetchFileAgain =
  'Fetch the file again and copy it unchanged (binary, not through an editor), then `sessionctl license check FILE`.'
const notFromVendor =
  'Take license files from your vendor alone. If this one is, send it to the vendor: `sessionctl license check FILE --json` says what is in it.'

/**
 * The catalogue, in the order in which verifyLicense looks for them.
 * `title` is the line of docs/license.md; `describe` gives the message and the hint of one case.
 */
export const licenseProblems = {
  'license-too-large': {
    title: 'The file is larger than any license.',
    describe: (of: { bytes: number; maxBytes: number }) => ({
      message: `The file has ${of.bytes} bytes; a license has at most ${of.maxBytes}.`,
      hint: 'Name the license file itself: `sessionctl license check FILE`.',
    }),
  },
  'license-not-parsable': {
    title: 'The file is not a signed document (JWS compact serialization).',
    describe: (of: { why: string }) => ({
      message: `This is not a license file: ${of.why}.`,
      hint: fetchFileAgain,
    }),
  },
  'license-wrong-type': {
    title: 'It is a signed document of another kind, such as a request.',
    describe: (of: { type: string; expected: string }) => ({
      message: `This is a document of type ${of.type}; a license has type ${of.expected}.`,
      hint: 'Install the file that the licensing server returned, not the request that was sent: `sessionctl license install FILE`.',
    }),
  },
  'license-algorithm-refused': {
    title: 'It is signed by an algorithm other than PS256.',
    describe: (of: { algorithm: string }) => ({
      message: `The license is signed with ${of.algorithm}; only PS256 is accepted.`,
      hint: notFromVendor,
    }),
  },
  'license-key-source-refused': {
    title: 'Its header names a key source other than x5c (jku, jwk, x5u, kid) or an extension (crit).',
    describe: (of: { parameter: string }) => ({
      message: `The header of the license carries "${of.parameter}"; only alg, typ and x5c are accepted.`,
      hint: notFromVendor,
    }),
  },
  'license-chain-untrusted': {
    title: 'Its certificates do not lead to a trusted root.',
    describe: (of: { why: string }) => ({
      message: `The certificates of the license do not lead to a root that this machine trusts: ${of.why}.`,
      hint: "Check that the vendor's root certificate is in the trust directory of the configuration: `sessiond check-config`.",
    }),
  },
  'license-issuer-not-ca': {
    title: 'A certificate in its chain was used to issue another one but is no certificate authority.',
    describe: (of: { subject: string; why: string }) => ({
      message: `The certificate "${of.subject}" issued another one, which it may not: ${of.why}.`,
      hint: notFromVendor,
    }),
  },
  'license-issuer-revoked': {
    title: 'The issuing certificate was revoked by the vendor.',
    describe: (of: { subject: string; serialNumber: string }) => ({
      message: `The vendor revoked the issuing certificate "${of.subject}" (serial number ${of.serialNumber}).`,
      hint: askForFreshLicense,
    }),
  },
  'license-issuer-not-valid-at-issue': {
    title: 'A certificate in its chain was not valid on the day the license says it was issued.',
    describe: (of: { subject: string; validFrom: number; validTo: number; issuedAt: number }) => ({
      message:
        `The license says it was issued on ${sayInstant(of.issuedAt)}, but the certificate "${of.subject}" ` +
        `is valid from ${sayInstant(of.validFrom)} to ${sayInstant(of.validTo)}.`,
      hint: askForFreshLicense,
    }),
  },
  'license-signature-invalid': {
    title: 'The signature does not fit: the license was damaged or changed.',
    describe: (_of: Record<never, never>) => ({
      message: 'The signature of the license is wrong: the file was damaged or changed after it was signed.',
      hint: fetchFileAgain,
    }),
  },
  'license-schema-too-new': {
    title: 'It is written in a schema newer than this program.',
    describe: (of: { schema: number; known: number }) => ({
      message: `The license uses schema ${of.schema}; this program reads schema ${of.known}.`,
      hint: 'Update sessiond, then install the license again: `sessionctl license install FILE`.',
    }),
  },
  'license-payload-invalid': {
    title: 'It is signed, but its content does not fit the schema.',
    describe: (of: { flaws: readonly PayloadFlaw[] }) => ({
      message: `The content of the license is wrong: ${sayFlaws(of.flaws)}.`,
      hint: 'The vendor signed a faulty license; send it back with the output of `sessionctl license check FILE --json`.',
    }),
  },
  'license-other-product': {
    title: 'It is for another product.',
    describe: (of: { product: string; licensed: string }) => ({
      message: `The license is for ${of.licensed}; this is ${of.product}.`,
      hint: `Activate with an installation key for ${of.product}: \`sessionctl activate\`.`,
    }),
  },
  'license-other-version': {
    title: 'It does not cover this version of the product.',
    describe: (of: { version: string; from: string; to: string }) => ({
      message: `The license covers versions ${of.from} to ${of.to}; this is ${of.version}.`,
      hint: `Ask the vendor for an upgrade, then \`sessionctl reactivate\`; or run a version from ${of.from} to ${of.to}.`,
    }),
  },
  'license-other-machine': {
    title: 'It is locked to another machine.',
    describe: (of: { explanation: string }) => ({
      message: `The license does not fit this machine. ${of.explanation}`,
      hint: `\`sessionctl fingerprint\` compares the parts. ${askForLicense}`,
    }),
  },
  'license-other-machine-key': {
    title: "It is bound to another machine's key.",
    describe: (of: { licensed: string; current: string | null }) => ({
      message: `The license is bound to the machine key ${of.licensed}; this machine ${of.current === null ? 'has none' : `has ${of.current}`}.`,
      hint: `If the machine key was lost, restore it from a backup. Otherwise: ${askForLicense}`,
    }),
  },
  'license-superseded': {
    title: 'A license of a later generation is in force on this installation.',
    describe: (of: { generation: number; inForce: number }) => ({
      message: `The license is generation ${of.generation} of this installation; generation ${of.inForce} is in force.`,
      hint: askForFreshLicense,
    }),
  },
  'license-not-yet-valid': {
    title: 'It begins later.',
    describe: (of: { notBefore: number; now: number }) => ({
      message: `The license is valid from ${sayInstant(of.notBefore)}; license time is ${sayInstant(of.now)}.`,
      hint: "Install it on that day: `sessionctl license install FILE`. If the day has come, set this machine's clock.",
    }),
  },
  'license-expired': {
    title: 'It expired, and its grace is over.',
    describe: (of: { expiresAt: number; graceEndsAt: number; now: number }) => ({
      message:
        `The license expired on ${sayInstant(of.expiresAt)} and its grace ended on ${sayInstant(of.graceEndsAt)}; ` +
        `license time is ${sayInstant(of.now)}.`,
      hint: `Renew with the vendor. ${askForFreshLicense}`,
    }),
  },
} as const satisfies Record<
  string,
  { title: string; describe: (of: never) => { message: string; hint: string } }
>

type Circumstances<Code extends LicenseProblemCode> = Parameters<
  (typeof licenseProblems)[Code]['describe']
>[0]

/** One problem with the values of this case. */
export function licenseProblem<Code extends LicenseProblemCode>(
  code: Code,
  of: Circumstances<Code>,
): LicenseProblem {
  const describe = licenseProblems[code].describe as (of: Circumstances<Code>) => {
    message: string
    hint: string
  }
  return { code, ...describe(of) }
}
