import { timingSafeEqual } from 'node:crypto'
import { unwrapKey, type WrappingKey, wrapKey } from '../crypto/key-wrap.js'
import { sha256 } from '../crypto/sha256.js'
import { TokenError } from '../crypto/token-error.js'

/** A key of the authorization server that lets it open its own tokens. `id` is a uint32, `key` 32 bytes. */
export type Kek = { id: number; key: WrappingKey }
export type FindKek = (id: number) => WrappingKey | undefined

const SECRET_LENGTH = 32
const BINDING_LENGTH = 16
const KEK_ID_LENGTH = 4

/**
 * Wraps the secret of a sealed token for the server itself, bound to the content: `KEK id(4) | A256KW(KEK, secret(32) |
 * SHA-256(content)[0..16])`, 60 bytes. Without the hash, whoever knows the secret could seal other content under it.
 * RFC 3394 §2.2.1.
 */
export function wrapForServer(secret: Buffer, content: string, kek: Kek): Buffer {
  const wrapped = wrapKey(kek.key, Buffer.concat([secret, binding(content)]))
  const marked = Buffer.allocUnsafe(KEK_ID_LENGTH + wrapped.length)
  marked.set(wrapped, marked.writeUInt32BE(kek.id))
  return marked
}

/** Gives back the secret and the check of the content. Throws TokenError. RFC 3394 §2.2.2. */
export function unwrapForServer(wrapped: Buffer, kekById: FindKek) {
  if (wrapped.length <= KEK_ID_LENGTH) throw new TokenError('malformed')
  const kek = kekById(wrapped.readUInt32BE())
  if (!kek) throw new TokenError('unknown_key')
  const unwrapped = unwrapKey(kek, wrapped.subarray(KEK_ID_LENGTH))
  if (unwrapped?.length !== SECRET_LENGTH + BINDING_LENGTH) throw new TokenError('decryption_failed')
  return {
    secret: unwrapped.subarray(0, SECRET_LENGTH),
    assertContent(content: string) {
      if (!timingSafeEqual(binding(content), unwrapped.subarray(SECRET_LENGTH)))
        throw new TokenError('content_replaced')
    },
  }
}

function binding(content: string): Buffer {
  return sha256(content).subarray(0, BINDING_LENGTH)
}
