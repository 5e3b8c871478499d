import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Fault } from '../../errors.ts'
import { LicensePayload } from '../../license/document.ts'
import { flawsOf, label, sayFlaws } from '../../license/fields.ts'
import { parseInstant } from '../../license/instant.ts'
import { versionInRange } from '../../license/version-range.ts'
import type { PoolTerms } from './model.ts'
import type { Representative } from './refusals.ts'

// What a representative types is checked against the schema of the license that it will stand in.

/** No pool is larger: so much fits into one license. */
export const maxPoolTotal = 1_000_000

const identifier = Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' })
const representative = Type.Object({
  name: label,
  email: Type.String({ maxLength: 200, pattern: '^[^\\s@]+@[^\\s@]+$' }),
  phone: Type.Union([label, Type.Null()]),
})
const terms = Type.Pick(LicensePayload, [
  'versions',
  'features',
  'expiresAt',
  'graceDays',
  'reactivation',
  'overdraft',
  'reservationsAllowed',
  'offlineAdmission',
  'emergencyClass',
])

const identifierValidator = Compile(identifier)
const customerValidator = Compile(Type.Object({ customerId: identifier, name: label, representative }))
const labelValidator = Compile(label)
const termsValidator = Compile(terms)

type Errors = readonly { instancePath: string; message: string }[]

/** A Fault `customer-invalid` where a field is out of its bounds. */
export function checkCustomer(of: {
  customerId: string
  name: string
  representative: Representative
}): void {
  if (!customerValidator.Check(of)) throw invalid('customer', customerValidator.Errors(of))
}

/** A Fault `pool-invalid`, `terms-invalid`. */
export function checkPool(of: { poolId: string; total: number; terms: PoolTerms }): void {
  if (!identifierValidator.Check(of.poolId)) throw invalid('pool', identifierValidator.Errors(of.poolId))
  checkTotal(of.total)
  checkTerms(of.terms)
}

export function checkTotal(total: number): void {
  if (Number.isSafeInteger(total) && total >= 1 && total <= maxPoolTotal) return
  throw new Fault('pool-invalid', `A pool has 1 to ${maxPoolTotal} sessions or seats, not ${total}.`)
}

export function checkTerms(of: PoolTerms): void {
  if (!termsValidator.Check(of)) throw invalid('terms', termsValidator.Errors(of))
  if (!versionInRange(of.versions.from, of.versions)) {
    throw new Fault('terms-invalid', `No version is from ${of.versions.from} to ${of.versions.to}.`, {
      hint: 'Write the lower one first: 5.0..5.x.',
    })
  }
  if (of.expiresAt === null || parseInstant(of.expiresAt) !== null) return
  throw new Fault('terms-invalid', `The calendar has no ${of.expiresAt}.`)
}

/** A Fault `key-invalid`. */
export function checkKeyLabel(of: string): void {
  if (!labelValidator.Check(of)) throw invalid('key', labelValidator.Errors(of))
}

function invalid(what: string, errors: Errors): Fault {
  return new Fault(`${what}-invalid`, `The ${what} cannot be so: ${sayFlaws(flawsOf(errors))}.`)
}
