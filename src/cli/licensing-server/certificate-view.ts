import type { X509Certificate } from 'node:crypto'
import { nameOf } from '../../license/chain.ts'
import { formatInstant, sayInstant } from '../../license/instant.ts'

/** One line about a certificate for people. */
export function sayCertificate(role: string, certificate: X509Certificate): string {
  const until = sayInstant(certificate.validToDate.getTime())
  return `${role} "${nameOf(certificate)}", serial number ${certificate.serialNumber}, valid until ${until}`
}

export function certificateJson(certificate: X509Certificate): object {
  return {
    name: nameOf(certificate),
    serialNumber: certificate.serialNumber,
    validFrom: formatInstant(certificate.validFromDate.getTime()),
    validTo: formatInstant(certificate.validToDate.getTime()),
  }
}
