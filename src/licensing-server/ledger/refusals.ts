import type { RequestProblemCode } from '../../license/request-problems.ts'

/** Whom a customer turns to; named in every refusal that only a person can cure. */
export interface Representative {
  name: string
  email: string
  phone: string | null
}

/**
 * A refusal of the licensing scheme: an answer, not a fault. Nothing was claimed, and whatever license the
 * machine holds stays as good as it was. `code` is stable: programs, pages and tests compare it.
 */
export interface Refusal {
  code: RefusalCode | RequestProblemCode
  /** What and why, with the numbers of this case. For people; holds no secret. */
  message: string
  /** What helps, in one sentence. */
  hint: string
  /** Whom to ask. Null before a valid key or a known installation has said whose request it is. */
  representative: Representative | null
  /** Only in `pool-exhausted`: what is left in the pool, and what the request would have taken from it. */
  pool?: { unit: Unit; available: number; needed: number; total: number }
}

/** What a pool counts: sessions of Call Services, seats of Studio. */
export type Unit = 'sessions' | 'seats'

/** Codes of the scheme; a request that is wrong in itself has one of src/license/request-problems.ts. */
export type RefusalCode = keyof typeof refusals

interface Wording {
  message: string
  hint: string
}

const newRequest =
  'Make a new request on the machine: `sessionctl reactivate`, or by hand `sessionctl activate --request-file request.jws --anew`.'
const checkKey = 'Type the installation key again, as it stands in the message that brought it.'
const ask = (whom: Representative | null) =>
  whom === null
    ? 'your account representative'
    : `your account representative, ${whom.name} (${[whom.email, whom.phone].filter(part => part !== null).join(', ')})`

/** `1 session`, `40 sessions`. */
export function count(number: number, unit: Unit): string {
  return `${number} ${number === 1 ? unit.slice(0, -1) : unit}`
}

/** The catalogue. `title` is the line of docs/licensing-server.md and the title of an HTTP problem. */
export const refusals = {
  'request-kind-mismatch': {
    title: 'The request asks for something else than was called for.',
    describe: (of: { expected: string; found: string }): Wording => ({
      message: `This file is ${of.found}; here ${of.expected} is expected.`,
      hint: 'Send the file where it belongs; the manual-activation page takes every kind.',
    }),
  },
  'request-id-reused': {
    title: 'The request was already answered, for another wish.',
    describe: (of: { units: number; unit: Unit }): Wording => ({
      message: `This request was already answered with a license for ${count(of.units, of.unit)}. A request is answered once.`,
      hint: newRequest,
    }),
  },
  'request-outdated': {
    title: 'The request was made before the machine was licensed anew.',
    describe: (of: { licensedAt: string }): Wording => ({
      message: `This request is older than the license that the machine was given at ${of.licensedAt}.`,
      hint: newRequest,
    }),
  },
  'installation-key-required': {
    title: 'A machine that is not activated needs an installation key.',
    describe: (_of: Record<never, never>): Wording => ({
      message: 'The first license of a machine is claimed with an installation key, and none was given.',
      hint: 'Give the installation key: `sessionctl activate --key-file FILE`, or type it on the page.',
    }),
  },
  'installation-key-malformed': {
    title: 'The installation key was mistyped.',
    describe: (of: { why: string }): Wording => ({
      message: `This is not an installation key: ${of.why}.`,
      hint: checkKey,
    }),
  },
  'installation-key-unknown': {
    title: 'There is no such installation key.',
    describe: (_of: Record<never, never>): Wording => ({
      message: 'There is no such installation key.',
      hint: checkKey,
    }),
  },
  'installation-key-revoked': {
    title: 'The installation key was withdrawn.',
    describe: (of: { keyId: string; representative: Representative }): Wording => ({
      message: `The installation key ${of.keyId} was withdrawn. Machines that were activated with it keep their licenses.`,
      hint: `Ask ${ask(of.representative)} for another one.`,
    }),
  },
  'transfer-key-used': {
    title: 'The key of a transfer was already used.',
    describe: (of: { representative: Representative }): Wording => ({
      message: 'The key of a transfer activates one machine, and this one was already used.',
      hint: `Ask ${ask(of.representative)}.`,
    }),
  },
  'transfer-unconfirmed': {
    title: 'The machine that the claim leaves has not confirmed its deactivation.',
    describe: (of: { installationId: string; representative: Representative }): Wording => ({
      message: `The claim of installation ${of.installationId} can be activated here once the old machine has confirmed that it is deactivated.`,
      hint: `Run \`sessionctl reactivate\` on the old machine. If it is dead, tell ${ask(of.representative)}.`,
    }),
  },
  'other-product': {
    title: 'What the customer bought is another product.',
    describe: (of: { product: string; licensed: string; representative: Representative }): Wording => ({
      message: `This is a license for ${of.licensed}; the machine asks for ${of.product}.`,
      hint: `Use a key for ${of.product}, or ask ${ask(of.representative)}.`,
    }),
  },
  'version-not-covered': {
    title: 'The license does not cover this version of the product.',
    describe: (of: {
      version: string
      from: string
      to: string
      representative: Representative
    }): Wording => ({
      message: `The license covers versions ${of.from} to ${of.to}; the machine runs ${of.version}.`,
      hint: `Ask ${ask(of.representative)} for an upgrade.`,
    }),
  },
  'sessions-required': {
    title: 'The request does not say how many sessions are wanted.',
    describe: (_of: Record<never, never>): Wording => ({
      message: 'The first activation of a machine says how many sessions it claims, and this one does not.',
      hint: 'Say how many: `sessionctl activate --sessions N`, or on the page.',
    }),
  },
  'one-seat-a-machine': {
    title: 'A seat is claimed one at a time, one a machine.',
    describe: (of: { asked: number }): Wording => ({
      message: `A machine takes one seat; ${of.asked} were asked for.`,
      hint: 'Ask for no number, or for 1.',
    }),
  },
  'lowering-refused': {
    title: 'An installation owns what it claimed; a claim is never lowered.',
    describe: (of: {
      owned: number
      asked: number
      unit: Unit
      representative: Representative
    }): Wording => ({
      message: `This machine owns ${count(of.owned, of.unit)}; ${of.asked} were asked for, and a claim is never lowered or returned.`,
      hint: `Ask for ${of.owned} or more, or for no number. To move sessions to another machine, ask ${ask(of.representative)}.`,
    }),
  },
  'pool-exhausted': {
    title: 'The pool has fewer left than the request would take.',
    describe: (of: {
      available: number
      needed: number
      /** What the machine owns already; it asks for a number in all. */
      owned: number
      total: number
      unit: Unit
      representative: Representative
    }): Wording => ({
      message:
        of.available === 0
          ? `The pool of ${count(of.total, of.unit)} has none left; ${of.needed} more ${of.needed === 1 ? 'is' : 'are'} needed.`
          : `The pool of ${count(of.total, of.unit)} has ${count(of.available, of.unit)} left; ${of.needed} are needed.`,
      hint:
        of.available === 0
          ? `Ask ${ask(of.representative)} to add ${of.unit}.`
          : `Ask for at most ${of.owned + of.available}${of.owned === 0 ? '' : ` in all, ${of.owned} of which this machine owns already`}, or ask ${ask(of.representative)} to add ${of.unit}.`,
    }),
  },
  'pool-expired': {
    title: 'What the customer bought has expired.',
    describe: (of: { expiredAt: string; representative: Representative }): Wording => ({
      message: `The license expired at ${of.expiredAt}, and its grace is over.`,
      hint: `Ask ${ask(of.representative)} for a renewal, then reactivate.`,
    }),
  },
  'installed-from-other-pool': {
    title: 'The machine owns a claim on another pool, and claims do not change pools.',
    describe: (of: { owned: number; unit: Unit; representative: Representative }): Wording => ({
      message: `This machine already owns ${count(of.owned, of.unit)} of another pool of yours.`,
      hint: `Raise its claim with a key of that pool, or ask ${ask(of.representative)}.`,
    }),
  },
  'installation-unknown': {
    title: 'The ledger knows no such installation.',
    describe: (of: { installationId: string | null }): Wording => ({
      message:
        of.installationId === null
          ? 'The request names no installation, so there is nothing to reactivate.'
          : `This licensing server knows no installation ${of.installationId}.`,
      hint: 'Activate the machine with an installation key: `sessionctl activate --key-file FILE`.',
    }),
  },
  'other-machine-key': {
    title: 'The request was signed with another key than the one that was activated.',
    describe: (of: { installationId: string; representative: Representative }): Wording => ({
      message: `Installation ${of.installationId} is bound to another machine key.`,
      hint: `If this machine was set up anew, activate it again with the installation key: it keeps its claim. Otherwise ask ${ask(of.representative)}.`,
    }),
  },
  'other-machine': {
    title: 'The request comes from other hardware than was activated.',
    describe: (of: {
      installationId: string
      explanation: string
      representative: Representative
    }): Wording => ({
      message: `Installation ${of.installationId} is locked to another machine. ${of.explanation}`,
      hint: `To move it here, ask ${ask(of.representative)} for a transfer.`,
    }),
  },
  'clone-suspected': {
    title: 'Two copies of this machine seem to ask in turns.',
    describe: (of: { installationId: string; representative: Representative }): Wording => ({
      message: `Another copy of this machine was licensed since as installation ${of.installationId}. This copy gets no new license until that is cleared up; the license that it holds stays as it is.`,
      hint: `Shut one of the copies down, then ask ${ask(of.representative)} to clear the installation.`,
    }),
  },
  'installation-blocked': {
    title: 'The account representative has blocked the installation.',
    describe: (of: { installationId: string; representative: Representative }): Wording => ({
      message: `Installation ${of.installationId} was blocked and gets no new license.`,
      hint: `Ask ${ask(of.representative)}.`,
    }),
  },
  'deactivation-not-asked': {
    title: 'The confirmation does not belong to a deactivation that this server asked for.',
    describe: (of: { licenseId: string }): Wording => ({
      message: `No deactivation was issued as license ${of.licenseId} to this machine.`,
      hint: 'Run `sessionctl reactivate` on the machine: it fetches what is asked of it.',
    }),
  },
  'machine-without-facts': {
    title: 'The machine has nothing that tells it from others.',
    describe: (_of: Record<never, never>): Wording => ({
      message: 'The request carries no fingerprint, so a license could not be locked to the machine.',
      hint: 'Run `sessionctl fingerprint` on the machine: it says what is missing.',
    }),
  },
  'server-busy': {
    title: 'Too many changes of the same installation or pool at once.',
    describe: (_of: Record<never, never>): Wording => ({
      message: 'Others changed the same installation or pool at the same time. Nothing was claimed.',
      hint: 'Send the same request again in a few seconds.',
    }),
  },
} as const satisfies Record<string, { title: string; describe: (of: never) => Wording }>

type Circumstances<Code extends RefusalCode> = Parameters<(typeof refusals)[Code]['describe']>[0]

/** One refusal with the values of this case. */
export function refusal<Code extends RefusalCode>(code: Code, of: Circumstances<Code>): Refusal {
  const describe = refusals[code].describe as (of: Circumstances<Code>) => Wording
  const { representative } = of as { representative?: Representative }
  const base = { code, ...describe(of), representative: representative ?? null }
  if (code !== 'pool-exhausted') return base
  const { unit, available, needed, total } = of as Circumstances<'pool-exhausted'>
  return { ...base, pool: { unit, available, needed, total } }
}
