import { decodeBase64url, encodeBase64url } from '../crypto/base64url.js'
import {
  type ContentEncryption,
  decryptContent,
  type EncryptedContent,
  encryptContent,
  isContentEncryption,
} from '../crypto/content-encryption.js'
import { parseJsonObject } from '../crypto/json.js'
import { TokenError } from '../crypto/token-error.js'
import { MAX_TOKEN_LENGTH } from './access-token.js'

export type Jwe = EncryptedContent & {
  header: Record<string, unknown>
  enc: ContentEncryption
  /** The header as it stood in the token: what is authenticated. */
  protectedHeader: string
  encryptedKey: Buffer
}

// Compression, extensions, passwords and keys of the sender's choice are refused before any key is touched.
// RFC 8725 §3.6, RFC 7516 §4.1.13, RFC 8725 §3.10.
const FORBIDDEN = ['zip', 'crit', 'b64', 'p2c', 'p2s', 'jwk', 'jku', 'x5u', 'x5c']

/** Takes a compact JWE around a JWT apart, strictly: one spelling, no second format. Throws TokenError. RFC 7516 §7.1. */
export function parseJwe(token: string): Jwe {
  if (typeof token !== 'string') throw new TokenError('malformed')
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenError('too_large')
  const parts = token.split('.', 6)
  const [protectedHeader = ''] = parts
  const [headerBytes, encryptedKey, iv, ciphertext, tag] = parts.map(decodeBase64url)
  if (parts.length !== 5 || !headerBytes || !encryptedKey || !iv || !ciphertext || !tag)
    throw new TokenError('malformed')
  const header = parseJsonObject(headerBytes)
  if (!header) throw new TokenError('malformed')
  if (FORBIDDEN.some((parameter) => Object.hasOwn(header, parameter))) throw new TokenError('forbidden_header')
  const enc = header['enc']
  if (!isContentEncryption(enc)) throw new TokenError('unsupported_algorithm')
  // RFC 7519 §5.2: a nested JWT says so.
  if (header['cty'] !== 'JWT') throw new TokenError('wrong_type')
  return { header, enc, protectedHeader, encryptedKey, iv, ciphertext, tag }
}

/** Encrypts a JWT under a content key and writes the compact form. RFC 7516 §7.1. */
export function encryptJwe(
  inner: string,
  header: Record<string, unknown> & { enc: ContentEncryption },
  { contentKey, encryptedKey }: { contentKey: Buffer; encryptedKey: string },
): string {
  const protectedHeader = encodeBase64url(JSON.stringify(header))
  const key = { enc: header.enc, key: contentKey }
  const { iv, ciphertext, tag } = encryptContent(inner, Buffer.from(protectedHeader), key)
  const content = `${encodeBase64url(iv)}.${encodeBase64url(ciphertext)}.${encodeBase64url(tag)}`
  return `${protectedHeader}.${encryptedKey}.${content}`
}

/** Decrypts what `parseJwe` took apart. Throws TokenError, the same for every cause. RFC 7516 §5.2. */
export function decryptJwe(jwe: Jwe, contentKey: Buffer): Buffer {
  const plaintext = decryptContent(jwe, Buffer.from(jwe.protectedHeader), { enc: jwe.enc, key: contentKey })
  if (!plaintext) throw new TokenError('decryption_failed')
  return plaintext
}
