/** A Law is broken. */
export class Violation extends Error {
  readonly law: string

  constructor(law: string, message: string) {
    super(`${law}: ${message}`)
    this.law = law
  }
}
