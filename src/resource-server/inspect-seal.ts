import { decodeBase64url } from '../crypto/base64url.js'
import { type DecryptionKey, importDecryptionKey } from '../crypto/decryption-key.js'
import { parseJsonObject } from '../crypto/json.js'
import { type EncryptionAlgorithm, isEncryptionAlgorithm } from '../crypto/jwk.js'
import { TokenError, type TokenErrorReason } from '../crypto/token-error.js'
import { parseJwe } from '../wire/jwe.js'
import { openWithPrivateKey } from '../wire/open-with-private-key.js'
import type { Findings, GivenKey } from './findings.js'
import { fields } from './terminal-text.js'

const BROKEN =
  'It is not whole: it was cut off or changed on its way. Compare its length with what the client was given.'
const FOREIGN = 'Its outside is not as this server makes it, so no API opens it: look who made it.'
const REASONS: Partial<Record<TokenErrorReason, string>> = {
  malformed: BROKEN,
  decryption_failed:
    'The key has the right name and does not open it: the token was changed or cut off on its way, or another public key is registered under that name. Compare it with `admin api show`.',
}

/** Shows the outside of a sealed token and opens it; what was inside, if it could be. RFC 7516 §5.2. */
export function inspectSeal(token: string, keys: readonly GivenKey[], findings: Findings): string | undefined {
  const { lines, wrong, notes } = findings
  const header = parseJsonObject(decodeBase64url(token.split('.')[0] ?? '') ?? Buffer.alloc(0))
  if (!header) return void wrong.push(BROKEN)
  lines.push('', 'Outside, for everybody to read', ...fields(header))
  const { alg, kid } = header
  if (alg === 'A256KW') {
    return void wrong.push(
      'It is opaque, sealed for the authorization server alone: ask that by introspection, or register the API with `--format sealed`.',
    )
  }
  try {
    parseJwe(token)
  } catch (error) {
    return void wrong.push(explain(error))
  }
  if (!isEncryptionAlgorithm(alg)) return void wrong.push(FOREIGN)
  if (keys.length === 0) {
    return void notes.push('What is inside can be read with the private key that it is sealed for: give it with --key.')
  }
  const usable = keys.flatMap((key) => usableKey(key, alg, findings))
  try {
    return openWithPrivateKey(token, usable).inner
  } catch (error) {
    if (!(error instanceof TokenError && error.reason === 'unknown_key')) return void wrong.push(explain(error))
    const given = keys.map(({ jwk }) => `${jwk.kid ?? 'one without kid'} (${jwk['alg'] ?? jwk.kty})`).join(', ')
    return void wrong.push(
      `It is sealed for the key ${kid} (${alg}), and given is ${given}: give that key too, and leave it in decryptionKeys until the last token that was sealed for it has expired.`,
    )
  }
}

function usableKey({ file, jwk }: GivenKey, alg: EncryptionAlgorithm, { wrong }: Findings): DecryptionKey[] {
  const own = isEncryptionAlgorithm(jwk['alg']) ? jwk['alg'] : alg
  try {
    return [importDecryptionKey(jwk, own)]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    wrong.push(`${file} holds no private key for ${own}: ${why} Give the file that keygen made.`)
    return []
  }
}

function explain(error: unknown): string {
  if (!(error instanceof TokenError)) throw error
  return REASONS[error.reason] ?? FOREIGN
}
