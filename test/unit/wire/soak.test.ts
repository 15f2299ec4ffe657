import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../../../src/wire/access-token.js'
import { openSealed } from '../../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { sealAccessToken } from '../../../src/wire/seal.js'
import { apis, claims, headerOf, kek, kekById, signingKey } from './fixtures.js'

// 3,000 tokens for each algorithm and curve, half of them under each content encryption. test/bench/soak-seal.ts makes 300,000.
const COUNT = 1500

describe.each(apis)('1,500 tokens sealed by $name', (api) => {
  it('all open, and no two share a key', () => {
    const inner = signAccessToken(claims, signingKey)
    const seen = new Set<string>()
    for (let n = 0; n < COUNT; n++) {
      const token = sealAccessToken(inner, api, kek)
      if (openSealed(token, kekById).inner !== inner) throw new Error('The server cannot open its token.')
      // What the API does is the slow half; every tenth token has to do.
      if (n % 10 === 0) expect(openWithPrivateKey(token, [api.decryptionKey])).toEqual({ inner })
      const { epk, bk } = headerOf(token)
      seen.add(epk?.x ?? bk)
    }
    expect(seen.size).toBe(COUNT)
  })
})
