import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const pss = ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', 'rsa_mgf1_md:sha256'].flatMap(option => [
  '-sigopt',
  option,
])

/**
 * Judges a license by the `openssl` program alone: the chain at the date of issue, then the signature. Whatever is no
 * JWS with certificates is no license to it either. It knows neither what a certificate is for nor the schema.
 */
export function opensslBelieves(text: string, folder: string, rootPem: string): boolean {
  const parts = text.trim().split('.')
  const [header = '', payload = '', signature = ''] = parts.map(part => Buffer.from(part, 'base64url'))
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const openssl = (...args: string[]) => spawnSync('openssl', args, { encoding: 'utf8' })
  const chain = certificatesOf(header.toString())
  const issuedAt = issuedAtOf(payload.toString())
  if (parts.length !== 3 || chain === null || chain.length === 0 || issuedAt === null) return false
  const root = file('root.pem', rootPem)
  const leaf = file('leaf.pem', chain[0]!)
  const between = chain.length > 1 ? ['-untrusted', file('between.pem', chain.slice(1).join(''))] : []
  const verified = openssl(
    'verify',
    '-attime',
    String(issuedAt),
    '-CAfile',
    root,
    '-no-CApath',
    ...between,
    leaf,
  )
  if (verified.status !== 0) return false
  const key = openssl('x509', '-in', leaf, '-pubkey', '-noout')
  if (key.status !== 0) return false
  const input = file('input', text.trim().slice(0, text.trim().lastIndexOf('.')))
  const files = ['-verify', file('key.pem', key.stdout), '-signature', file('signature', signature), input]
  return openssl('dgst', '-sha256', ...pss, ...files).status === 0
}

/** The certificates of x5c in PEM, or null. Node.js only changes their form. */
function certificatesOf(header: string): string[] | null {
  try {
    const { x5c } = JSON.parse(header)
    return x5c.map((one: string) => new X509Certificate(Buffer.from(one, 'base64')).toString())
  } catch {
    return null
  }
}

/** Seconds since the epoch, or null. */
function issuedAtOf(payload: string): number | null {
  try {
    const at = Date.parse(JSON.parse(payload).issuedAt)
    return Number.isFinite(at) ? Math.floor(at / 1000) : null
  } catch {
    return null
  }
}
