import { hashSecret, randomToken } from '../../crypto/secrets.js'

const ID_BYTES = 16

/** A secret to show once, 43 characters, and the SHA-256 to store. RFC 6749 §2.3.1, §10.10. */
export type NewSecret = { readonly secret: string; readonly secretHash: Uint8Array }

export type NewCredentials = { readonly id: string } & (
  | NewSecret
  | { readonly secret: undefined; readonly secretHash: undefined }
)

/** Makes a secret. RFC 6749 §10.10. */
export function newSecret(): NewSecret {
  const secret = randomToken()
  return { secret, secretHash: hashSecret(secret) }
}

/**
 * Makes a `client_id`, and a secret unless the client is public. The prefix keeps it apart from every user's `sub`, which is a UUID.
 * RFC 6749 §2.2, RFC 9700 §4.15.
 */
export function newClientCredentials(client: { readonly public: boolean }): NewCredentials {
  const id = `cl_${randomToken(ID_BYTES)}`
  return client.public ? { id, secret: undefined, secretHash: undefined } : { id, ...newSecret() }
}

/** Makes what an API asks with for introspection and the revocation list. RFC 7662 §2.1. */
export function newApiCredentials(): { readonly id: string } & NewSecret {
  return { id: `api_${randomToken(ID_BYTES)}`, ...newSecret() }
}
