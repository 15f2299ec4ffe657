import { decodeBase64url } from '../crypto/base64url.js'
import { concatKdf } from '../crypto/concat-kdf.js'
import { isEncryptionAlgorithm, type VerificationKey } from '../crypto/jwk.js'
import { assertTyp, parseJws, verifyJws } from '../crypto/jws.js'
import { unwrapKey, type WrappingKey } from '../crypto/key-wrap.js'
import { TokenError } from '../crypto/token-error.js'
import { ACCESS_TOKEN_TYP, MAX_TOKEN_LENGTH, SIGNING_ALGORITHMS } from './access-token.js'
import { type AccessTokenClaims, parseClaims } from './claims.js'
import { decryptJwe, type Jwe, parseJwe } from './jwe.js'
import { type FindKek, unwrapForServer } from './wrapped-key.js'

export type TokenFormat = 'sealed' | 'signed' | 'opaque'
export type OwnToken = {
  claims: AccessTokenClaims
  /** The key that signed it, for revocation by key. */
  kid: string
  /** How the token came. The inside of a sealed one comes as `signed`: whether its API takes that is the caller's to ask. */
  format: TokenFormat
}
export type OwnKeys = {
  kekById: FindKek
  resolveKey: (kid: string) => VerificationKey | undefined
  /** The issuer of the tenant that is asked. */
  issuer: string
}

/**
 * Opens any access token this server made, in whichever format, and gives its claims. Expired ones too: `exp` and revocation
 * are the caller's to judge. Throws TokenError, also for a token of another issuer. RFC 7662 §4, RFC 9068 §4.
 */
export function openOwn(token: string, { kekById, resolveKey, issuer }: OwnKeys): OwnToken {
  const { format, header, payload } = readOwn(token, { kekById, resolveKey })
  assertTyp(header, ACCESS_TOKEN_TYP)
  const claims = parseClaims(payload)
  const { kid } = header
  if (!claims || typeof kid !== 'string') throw new TokenError('invalid_claims')
  if (claims.iss !== issuer) throw new TokenError('wrong_issuer')
  return { claims, kid, format }
}

function readOwn(token: string, { kekById, resolveKey }: Pick<OwnKeys, 'kekById' | 'resolveKey'>) {
  if (typeof token !== 'string') throw new TokenError('malformed')
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenError('too_large')
  if (token.split('.', 4).length === 3) {
    const expected = { typ: ACCESS_TOKEN_TYP, algorithms: SIGNING_ALGORITHMS, maxLength: MAX_TOKEN_LENGTH }
    return { format: 'signed' as const, ...verifyJws(token, resolveKey, expected) }
  }
  const jwe = parseJwe(token)
  const isOpaque = jwe.header['alg'] === 'A256KW'
  // Both ways prove that the server sealed this very content, so the signature needs no second check.
  const inner = isOpaque ? openOpaqueJwe(jwe, kekById) : openSealedJwe(jwe, kekById)
  return { format: isOpaque ? ('opaque' as const) : ('sealed' as const), ...parseJws(inner) }
}

/** Opens a token sealed for an API through the key wrapped for the server. Throws TokenError. RFC 7516 §5.2. */
export function openSealed(token: string, kekById: FindKek): { inner: string } {
  return { inner: openSealedJwe(parseJwe(token), kekById) }
}

/** Opens a token sealed for the server alone. Throws TokenError. RFC 7516 §5.2. */
export function openOpaque(token: string, kekById: FindKek): { inner: string } {
  return { inner: openOpaqueJwe(parseJwe(token), kekById) }
}

function openSealedJwe(jwe: Jwe, kekById: FindKek): string {
  const { alg, apu, bk } = jwe.header
  if (!isEncryptionAlgorithm(alg)) throw new TokenError('unsupported_algorithm')
  const isRsa = alg === 'RSA-OAEP-256'
  const wrapped = decodeParameter(isRsa ? bk : apu)
  const { secret, assertContent } = unwrapForServer(wrapped, kekById)
  const inner = decryptJwe(jwe, isRsa ? secret : agreedContentKey(jwe, secret, wrapped)).toString()
  assertContent(isRsa ? `${inner}.${jwe.encryptedKey.toString('base64url')}` : inner)
  return inner
}

function agreedContentKey({ header, enc, encryptedKey }: Jwe, secret: Buffer, apu: Buffer): Buffer {
  const isDirect = header['alg'] === 'ECDH-ES'
  const algorithm = isDirect ? enc : 'ECDH-ES+A256KW'
  const derivedKey = concatKdf(secret, { algorithm, apu, apv: Buffer.alloc(0) })
  if (!isDirect) return contentKeyOf(derivedKey, encryptedKey)
  // RFC 7516 §5.2: with direct agreement the encrypted key is empty.
  if (encryptedKey.length !== 0) throw new TokenError('malformed')
  return derivedKey
}

function openOpaqueJwe(jwe: Jwe, kekById: FindKek): string {
  const { alg, kid } = jwe.header
  if (alg !== 'A256KW') throw new TokenError('unsupported_algorithm')
  const id = typeof kid === 'string' && /^\d{1,10}$/.test(kid) ? Number(kid) : undefined
  const kek = id === undefined ? undefined : kekById(id)
  if (!kek) throw new TokenError('unknown_key')
  return decryptJwe(jwe, contentKeyOf(kek, jwe.encryptedKey)).toString()
}

function contentKeyOf(wrappingKey: WrappingKey, encryptedKey: Buffer): Buffer {
  const contentKey = unwrapKey(wrappingKey, encryptedKey)
  if (!contentKey) throw new TokenError('decryption_failed')
  return contentKey
}

function decodeParameter(value: unknown): Buffer {
  const bytes = typeof value === 'string' ? decodeBase64url(value) : undefined
  if (!bytes) throw new TokenError('malformed')
  return bytes
}
