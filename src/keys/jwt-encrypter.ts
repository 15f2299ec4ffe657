import { OAuthError } from '../oauth/errors.js'
import type { JwtEncrypter } from '../oauth/ports.js'
import type { Api } from '../oauth/records.js'
import { encryptJwt } from '../wire/nested-jwt.js'
import type { FindRecipient } from './recipient.js'

/** Encrypts to the key that an API's tokens would be sealed for. RFC 7519 §11.2. */
export function createJwtEncrypter({ recipient }: { readonly recipient: FindRecipient }): JwtEncrypter {
  return {
    encrypt: (api, { signed, typ }) => encryptJwt(signed, recipientOf(api, recipient), typ),
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
