import { CompactEncrypt, compactDecrypt, importJWK, type JWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../../../src/wire/access-token.js'
import { openOwn, openSealed } from '../../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { sealAccessToken, sealOpaque } from '../../../src/wire/seal.js'
import { publicJwk } from '../../support/jwk.js'
import { apis, claims, kek, kekById, ownKeys, signingKey } from './fixtures.js'

const inner = signAccessToken(claims, signingKey)

describe.each(apis)('a token sealed by $name', (api) => {
  const token = sealAccessToken(inner, api, kek)

  it('is opened by jose with the private key of the API, signature and claims included', async () => {
    const { plaintext, protectedHeader } = await compactDecrypt(token, await importJWK(api.privateJwk as JWK, api.alg))
    expect(protectedHeader).toMatchObject({ alg: api.alg, enc: api.enc, cty: 'JWT', kid: api.key.kid })
    const verified = await jwtVerify(plaintext, signingKey.publicKey, {
      typ: 'at+jwt',
      currentDate: new Date(claims.iat * 1000),
    })
    expect(verified.payload).toEqual(claims)
  })

  it('is opened by us with the private key of the API', () => {
    expect(openWithPrivateKey(token, [api.decryptionKey])).toEqual({ inner })
  })

  it('is opened by the server through the wrapped key', () => {
    expect(openSealed(token, kekById)).toEqual({ inner })
    expect(openOwn(token, ownKeys)).toEqual({ claims, kid: signingKey.kid, format: 'sealed' })
  })

  it('shows no claim in the clear', () => {
    const [header = ''] = token.split('.')
    const names = Object.keys(JSON.parse(Buffer.from(header, 'base64url').toString()))
    const place = api.alg === 'RSA-OAEP-256' ? ['bk'] : ['epk', 'apu']
    expect(names).toEqual(['alg', 'enc', 'cty', 'typ', 'kid', ...place])
  })

  it('has the form that jose gives one, which we open too', async () => {
    const encrypt = new CompactEncrypt(Buffer.from(inner))
      .setProtectedHeader({ alg: api.alg, enc: api.enc, cty: 'JWT', kid: 'api' })
      .setKeyManagementParameters(
        api.alg === 'RSA-OAEP-256' ? {} : { apu: Buffer.from('Alice'), apv: Buffer.from('Bob') },
      )
    const key = await importJWK(publicJwk(api.privateJwk) as JWK, api.alg)
    const josesToken = await encrypt.encrypt(key)
    expect(openWithPrivateKey(josesToken, [{ ...api.decryptionKey, kid: 'api' }])).toEqual({ inner })
  })
})

it('opens an opaque token through the server key alone', () => {
  expect(openOwn(sealOpaque(inner, kek), ownKeys)).toEqual({ claims, kid: signingKey.kid, format: 'opaque' })
})

it('opens a signed token by its signature', () => {
  expect(openOwn(inner, ownKeys)).toEqual({ claims, kid: signingKey.kid, format: 'signed' })
})
