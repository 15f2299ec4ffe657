import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../../../src/wire/access-token.js'
import type { AccessTokenClaims } from '../../../src/wire/claims.js'
import { openOwn } from '../../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { sealAccessToken, sealOpaque } from '../../../src/wire/seal.js'
import { apis, claims, kek, mutations, ownKeys, refusal, signingKey } from './fixtures.js'

// Few claims: what the test costs is the number of positions.
const { iss, sub, aud, client_id, iat, exp, jti, rev } = claims
const short: AccessTokenClaims = { iss, sub, aud, client_id, iat, exp, jti, rev }
const inner = signAccessToken(short, signingKey)

const forServer = [
  ...apis.map((api) => ({ name: api.name, token: sealAccessToken(inner, api, kek) })),
  { name: 'A256KW for the server alone', token: sealOpaque(inner, kek) },
  { name: 'ES256 alone', token: inner },
]

describe.each(forServer)('the server, given a token made by $name', ({ token }) => {
  it('refuses every changed character and every truncation', () => {
    expect(refusal(() => openOwn(token, ownKeys))).toBeUndefined()
    for (const changed of mutations(token)) expect(refusal(() => openOwn(changed, ownKeys))).toBeDefined()
  })
})

describe.each(apis)('an API, given a token made by $name', (api) => {
  it('refuses every changed character and every truncation', () => {
    const token = sealAccessToken(inner, api, kek)
    const keys = [api.decryptionKey]
    // A private RSA operation for each would take a minute, so there every eleventh position has to do.
    const step = api.alg === 'RSA-OAEP-256' ? 11 : 1
    let count = 0
    for (const changed of mutations(token)) {
      if (count++ % step === 0) expect(refusal(() => openWithPrivateKey(changed, keys))).toBeDefined()
    }
    expect(refusal(() => openWithPrivateKey(token, keys))).toBeUndefined()
  })
})
