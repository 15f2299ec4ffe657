import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64urlToUuid, bytesToUuid, uuidToBase64url, uuidToBytes } from '../../../src/crypto/uuid.js'

describe('uuid', () => {
  it('goes through bytes and base64url and comes back', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(bytesToUuid(uuidToBytes(uuid))).toBe(uuid)
        expect(base64urlToUuid(uuidToBase64url(uuid))).toBe(uuid)
        expect(uuidToBase64url(uuid)).toHaveLength(22)
      }),
    )
  })

  it.each(['', 'A', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}B`, `${'A'.repeat(22)}==`])(
    'reads no id from %j',
    (text) => {
      expect(base64urlToUuid(text)).toBeUndefined()
    },
  )
})
