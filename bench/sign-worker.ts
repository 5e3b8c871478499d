// Signs as fast as one core can for a while, by PS256 with the issuing key, and tells how many and how much processor
// time each took: the limit of any issuer.
import { constants, sign } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { readIssuer } from '../src/licensing-server/authority-files.ts'

const { authority, bytes, seconds } = workerData as { authority: string; bytes: number; seconds: number }
const { privateKey: key } = readIssuer(authority, Date.now())
const text = Buffer.alloc(bytes, 'license')
const options = {
  key,
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
}
const until = performance.now() + seconds * 1000
let signed = 0
while (performance.now() < until) {
  sign('sha256', text, options)
  signed++
}
parentPort!.postMessage(signed)
