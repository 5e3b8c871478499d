import { createPrivateKey } from 'node:crypto'
import { verifyRevocationList } from '../../../src/license/revocation.ts'
import { readRoot } from '../../../src/licensing-server/authority-files.ts'
import { signRevocationList } from '../../../src/licensing-server/revocation-list.ts'
import { authorityFolder } from '../../support/site.ts'
import { ensure, type Target } from '../target.ts'
import { rootKeyPem, trustedRoots } from './license-setting.ts'
import { isSignedBy, mutateJws, partsOf } from './signer.ts'

const codes = new Set([
  'revocation-list-unreadable',
  'revocation-list-untrusted',
  'revocation-list-invalid',
  'revocation-list-outdated',
])

/** Lists of revoked certificates. */
export const revocationLists: Target = {
  name: 'revocation-lists',
  kind: 'documents',
  async open() {
    const revoked = [
      {
        keySha256: 'ab'.repeat(32),
        serialNumber: '40AB',
        revokedAt: '2026-11-20T08:00:00Z',
        reason: 'Stolen',
      },
    ]
    const content = { number: 7, issuedAt: '2026-11-20T08:00:00Z', revoked }
    const text = await signRevocationList(content, readRoot(authorityFolder))
    const good = { ...partsOf(text), text }
    const current = await verifyRevocationList(text, trustedRoots)
    ensure(current.ok, 'The list that is changed is not good.')
    const key = createPrivateKey(rootKeyPem)
    return {
      make: random => mutateJws(good, key, 'PS256', random),
      async judge(input) {
        const verdict = await verifyRevocationList(input, trustedRoots, [current.list])
        if (!verdict.ok) {
          ensure(codes.has(verdict.problem.code), `${verdict.problem.code} is not documented.`)
          return verdict.problem.code
        }
        const trimmed = input.toString('latin1').trim()
        const { publicKey } = trustedRoots[0]!
        ensure(isSignedBy(trimmed, publicKey, 'PS256'), 'A list was believed that no root signed.')
        ensure(verdict.list.number >= 7, 'An older list was believed.')
        return trimmed === text ? 'the same list' : 'signed anew'
      },
    }
  },
}
