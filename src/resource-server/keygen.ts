import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { generateEncryptionKey, isEncryptionAlgorithm } from '../crypto/jwk.js'
import type { ExitCode, Terminal } from './terminal.js'
import { toText } from './terminal-text.js'
import { UsageError } from './usage-error.js'

const OPTIONS = {
  alg: { type: 'string', default: 'ECDH-ES' },
  crv: { type: 'string' },
  out: { type: 'string', default: 'private.jwk.json' },
} as const

/** Makes the key pair of an API: the private half into a file of its own, the public half to standard output. RFC 7517 §4 and §5. */
export async function keygen(args: string[], { stdout, stderr }: Terminal): Promise<ExitCode> {
  const { alg, crv, out } = parseArgs({ args, options: OPTIONS }).values
  if (!isEncryptionAlgorithm(alg)) throw new UsageError('--alg is ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256.')
  if (alg === 'RSA-OAEP-256' && crv !== undefined) throw new UsageError('--crv is for ECDH: RSA has no curve.')
  const curve = crv ?? 'X25519'
  if (curve !== 'X25519' && curve !== 'P-256') throw new UsageError('--crv is X25519 or P-256.')
  const { privateJwk, publicJwk } = await generateEncryptionKey(alg, curve)
  writePrivate(out, `${JSON.stringify(privateJwk, null, 2)}\n`)
  stdout(`${JSON.stringify({ keys: [publicJwk] }, null, 2)}\n`)
  const algorithm = alg === 'ECDH-ES' ? '' : ` --alg ${alg}`
  stderr(
    toText([
      `The private key is in ${out}, for this API alone. What it writes to standard output is the public half.`,
      'Put that into jwks.json, and where the authorization server runs register it:',
      `  npm run -s admin -- api create --identifier https://orders.example.com --scope orders:read${algorithm} --jwks jwks.json`,
      'or, for an API that is registered, once it has the private key:',
      '  npm run -s admin -- api set-keys --identifier https://orders.example.com --jwks jwks.json',
    ]),
  )
  return 0
}

/** Never over a file that is there: it may be the only key to tokens that are alive. */
function writePrivate(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw new Error(`${file} can't be written: ${message}`)
    throw new Error(`${file} is there already and stays as it is: name another file with --out.`)
  }
}
