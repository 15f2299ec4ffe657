import { createSecretKey, randomBytes } from 'node:crypto'
import { CompactEncrypt, importJWK, type JWK, SignJWT } from 'jose'
import type { SigningKey } from '../../src/crypto/jwk.js'
import type { Api } from '../../src/oauth/records.js'

/** What a token is made of. */
export type Ingredients = {
  readonly api: Pick<Api, 'format' | 'encryptionAlgorithm' | 'encryptionMethod'>
  readonly claims: Record<string, unknown>
  readonly signing: Pick<SigningKey, 'alg' | 'kid' | 'privateKey'>
  /** Public key of the API, for sealed tokens. */
  readonly recipient: JWK | undefined
}

/** The same token as jose makes it: signed, then encrypted. It can't be opened by the server that made it. */
export async function makeWithJose({ api, claims, signing, recipient }: Ingredients) {
  const { alg, kid, privateKey } = signing
  const sign = () => new SignJWT(claims).setProtectedHeader({ typ: 'at+jwt', alg, kid }).sign(privateKey)
  if (api.format === 'signed') return sign

  const outer = {
    alg: recipient ? (api.encryptionAlgorithm ?? '') : 'A256KW',
    enc: api.encryptionMethod ?? '',
    cty: 'JWT',
    typ: 'at+jwt',
    kid: recipient?.kid ?? '1',
  }
  const key = recipient ? await importJWK(recipient, outer.alg) : createSecretKey(randomBytes(32))
  const text = new TextEncoder()
  return async () => new CompactEncrypt(text.encode(await sign())).setProtectedHeader(outer).encrypt(key)
}
