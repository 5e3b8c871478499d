/** The laws of sessiond as far as a history of one daemon can break them. */
export const LAWS = {
  admit: 'Law 1, never over-admit',
  keep: 'Law 2, never drop a live call',
  lose: 'Law 3, never lose a grant',
  leak: 'Law 4, never leak',
  refuse: 'Law 5, refusal is an answer',
  replace: 'Law 6, a bad license never replaces a good one',
  live: 'Liveness',
} as const

export type Law = (typeof LAWS)[keyof typeof LAWS]

/** A law is broken. */
export class Violation extends Error {
  readonly law: Law

  constructor(law: Law, message: string) {
    super(`${law}: ${message}`)
    this.law = law
  }
}
