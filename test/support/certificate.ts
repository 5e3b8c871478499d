import { generateKeyPairSync } from 'node:crypto'
import forge from 'node-forge'

const DAY_MS = 86_400_000

export interface MadeCertificate {
  readonly cert: string
  readonly key: string
}

/** A certificate that signs itself, of a name, from and to so many days from now; nobody else believes it. */
export function makeCertificate(name: string, { from = -400, to = 400 } = {}): MadeCertificate {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const own = forge.pki.privateKeyFromPem(key)
  const made = forge.pki.createCertificate()
  made.publicKey = forge.pki.setRsaPublicKey(own.n, own.e)
  made.serialNumber = '01'
  made.validity.notBefore = new Date(Date.now() + from * DAY_MS)
  made.validity.notAfter = new Date(Date.now() + to * DAY_MS)
  const subject = [{ name: 'commonName', value: name }]
  made.setSubject(subject)
  made.setIssuer(subject)
  made.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }])
  made.sign(own, forge.md.sha256.create())
  return { cert: forge.pki.certificateToPem(made), key }
}
