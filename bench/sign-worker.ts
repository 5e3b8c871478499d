// Signs licenses as fast as one core can for a while, and tells how many: the limit of any issuer.
import { parentPort, workerData } from 'node:worker_threads'
import type { License } from '../src/license/document.ts'
import { readIssuer } from '../src/licensing-server/authority-files.ts'
import { signLicense } from '../src/licensing-server/sign-license.ts'

const { authority, license, seconds } = workerData as { authority: string; license: License; seconds: number }
const issuer = readIssuer(authority, Date.now())
const until = performance.now() + seconds * 1000
let signed = 0
while (performance.now() < until) {
  await signLicense(license, issuer)
  signed++
}
parentPort!.postMessage(signed)
