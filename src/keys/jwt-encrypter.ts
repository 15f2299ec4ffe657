import { OAuthError } from '../oauth/errors.js'
import type { JwtEncrypter, Log } from '../oauth/ports.js'
import type { Api, Client, Encryption } from '../oauth/records.js'
import type { Recipient } from '../wire/content-key.js'
import { encryptJwt } from '../wire/nested-jwt.js'
import { type ChooseKey, createChooseKey, type FindRecipient } from './recipient.js'

type JwtEncrypterDeps = { readonly recipient: FindRecipient; readonly log: Pick<Log, 'error'> }

/** Encrypts to the key that an API's tokens would be sealed for, or to one that a client registered. RFC 7519 §11.2. */
export function createJwtEncrypter({ recipient, log }: JwtEncrypterDeps): JwtEncrypter {
  const choose = createChooseKey()
  return {
    encrypt: (api, { signed, typ }) => encryptJwt(signed, recipientOf(api, recipient), typ),
    forClient(client, encryption) {
      const to = clientRecipient(client, encryption, { choose, log })
      return ({ signed, typ }) => encryptJwt(signed, to, typ)
    },
  }
}

function recipientOf(api: Api, recipient: FindRecipient) {
  try {
    return recipient(api)
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    // Who asks is the API itself, and it can mend this.
    const description = 'The response can not be encrypted: this API has no usable encryption key.'
    throw new OAuthError(error.code, error.reason, { description, cause: error })
  }
}

function clientRecipient(
  { tenantId: tenant, id, openid: { jwks } }: Client,
  { alg, enc }: Encryption,
  { choose, log }: { readonly choose: ChooseKey } & Pick<JwtEncrypterDeps, 'log'>,
): Recipient {
  const choice = choose(jwks, alg)
  if (choice.ok) return { key: choice.key, enc }
  const reason = 'client_without_encryption_key'
  log.error({ tenant, client: id, reason, detail: choice.reason }, 'nothing can be encrypted for this client')
  // Who asks is the client itself, and it can mend this. Nothing is wrong with how it authenticated.
  const description = 'What this client asks to have encrypted can not be: it has no usable encryption key.'
  throw new OAuthError('invalid_client', reason, { status: 400, description })
}
