import crypto, { createHash, type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

// All histories together know a dozen licenses, and judge them again and again. What OpenSSL makes of the same bytes is
// asked of it once, and everything else of a judgement is done each time: whether an RSA signature holds, what a
// certificate says, whether one signed another. The seams: Web Crypto, by which `jose` asks, and for which it
// waits for a thread; and the certificates of `node:crypto`, which do not change once they are read.

const { X509Certificate } = crypto

type Verify = typeof globalThis.crypto.subtle.verify

const signatures = new Map<string, Promise<boolean>>()
const { subtle } = globalThis.crypto
const verifySignature = subtle.verify.bind(subtle)

subtle.verify = (...asked: Parameters<Verify>) => {
  const [, , signature, bytes] = asked
  const hash = createHash('sha256')
  for (const part of [signature, bytes]) hash.update(part as Uint8Array).update('|')
  const name = hash.digest('base64')
  const holds = signatures.get(name) ?? verifySignature(...asked)
  signatures.set(name, holds)
  return holds
}

const certificates = new Map<string, crypto.X509Certificate>()

/** The same bytes are the same object, which answers the same question from memory. What cannot be read throws each time. */
function certificateOf(source: Buffer | string): crypto.X509Certificate {
  const name = typeof source === 'string' ? source : source.toString('base64')
  const known = certificates.get(name)
  if (known !== undefined) return known
  const certificate = new X509Certificate(source)
  const { publicKey } = certificate
  remember(certificate, 'verify', (signer: KeyObject) => signer)
  remember(publicKey, 'export', (options: object) => JSON.stringify(options))
  certificates.set(name, certificate)
  return certificate
}

/** A method that changes nothing is asked once for each argument, as `nameOf` tells them apart. */
function remember<A>(of: object, method: string, nameOf: (asked: A) => unknown): void {
  const answers = new Map<unknown, unknown>()
  const ask = Reflect.get(of, method).bind(of) as (asked: A) => unknown
  const answer = (asked: A) => {
    const name = nameOf(asked)
    if (!answers.has(name)) answers.set(name, ask(asked))
    return answers.get(name)
  }
  Object.assign(of, { [method]: answer })
}

Object.assign(crypto, {
  X509Certificate: new Proxy(X509Certificate, { construct: (_, [source]) => certificateOf(source) }),
})
syncBuiltinESMExports()
