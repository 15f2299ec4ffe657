import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatRefreshToken,
  type MacKey,
  type ParsedRefreshToken,
  parseRefreshToken,
  type RefreshTokenGrant,
  verifyRefreshToken,
} from '../../../src/oauth/refresh-token.js'
import { mutations } from '../wire/fixtures.js'

const macKey: MacKey = { id: 7, key: randomBytes(32) }
const grant: RefreshTokenGrant = {
  tenantId: randomUUID(),
  grantId: randomUUID(),
  generation: 3,
  grantSecret: randomBytes(32),
}
const token = formatRefreshToken(grant, macKey)

function parsed(text: string): ParsedRefreshToken {
  const result = parseRefreshToken(text)
  if (!result) throw new Error('not a refresh token')
  return result
}

/** What the token endpoint does: parse, find the grant and the key, verify. */
function accepts(text: string): boolean {
  const result = parseRefreshToken(text)
  return result !== undefined && result.grantId === grant.grantId && verifyRefreshToken(result, grant, macKey)
}

describe('a refresh token', () => {
  it('is 72 characters that say which key, grant and generation it belongs to', () => {
    expect(token).toMatch(/^[\w-]{72}$/)
    expect(parseRefreshToken(token)).toMatchObject({ macKeyId: 7, grantId: grant.grantId, generation: 3 })
    expect(accepts(token)).toBe(true)
  })

  it('has the layout of the design, byte for byte', () => {
    const fixed = {
      tenantId: 'tenant',
      grantId: '00112233-4455-6677-8899-aabbccddeeff',
      generation: 0x01020304,
      grantSecret: Buffer.alloc(32, 2),
    }
    const key = { id: 255, key: Buffer.alloc(32, 1) }
    const body = Buffer.from('01ff00112233445566778899aabbccddeeff01020304', 'hex')
    const message = Buffer.concat([
      Buffer.from('bulla/refresh-token/v1'),
      Buffer.from('00000006', 'hex'),
      Buffer.from('tenant'),
      body,
      fixed.grantSecret,
    ])
    const mac = createHmac('sha256', key.key).update(message).digest()
    expect(formatRefreshToken(fixed, key)).toBe(Buffer.concat([body, mac]).toString('base64url'))
  })

  it('comes back from any grant, generation and key', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(
        fc.record({
          tenantId: fc.string(),
          grantId: fc.uuid(),
          generation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          grantSecret: bytes(32),
        }),
        fc.integer({ min: 0, max: 255 }),
        (any, id) => {
          const key = { ...macKey, id }
          const result = parsed(formatRefreshToken(any, key))
          expect(result).toMatchObject({ macKeyId: id, grantId: any.grantId, generation: any.generation })
          expect(verifyRefreshToken(result, any, key)).toBe(true)
        },
      ),
    )
  })

  it('is refused after every change of one character and every truncation', () => {
    for (const changed of mutations(token)) expect(accepts(changed)).toBe(false)
  })

  it('is refused after every change of one bit', () => {
    const bytes = Buffer.from(token, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(accepts(changed.toString('base64url'))).toBe(false)
    }
  })

  it('fits its own tenant, grant secret and server key alone', () => {
    const result = parsed(token)
    expect(verifyRefreshToken(result, { ...grant, tenantId: randomUUID() }, macKey)).toBe(false)
    expect(verifyRefreshToken(result, { ...grant, grantSecret: randomBytes(32) }, macKey)).toBe(false)
    expect(verifyRefreshToken(result, grant, { id: 7, key: randomBytes(32) })).toBe(false)
    expect(verifyRefreshToken(result, grant, { ...macKey, id: 8 })).toBe(false)
  })

  it('of one generation is not that of another', () => {
    const body = Buffer.from(token, 'base64url')
    body.writeUInt32BE(4, 18)
    expect(accepts(body.toString('base64url'))).toBe(false)
  })

  it('cannot be moved between tenants by shifting bytes between the parts of the message', () => {
    const shifted = { ...grant, tenantId: `${grant.tenantId}\u0001` }
    expect(verifyRefreshToken(parsed(token), shifted, macKey)).toBe(false)
    expect(verifyRefreshToken(parsed(token), { ...grant, tenantId: grant.tenantId.slice(0, -1) }, macKey)).toBe(false)
  })
})

describe('parseRefreshToken', () => {
  it('reads nothing but its own spelling', () => {
    const bytes = Buffer.from(token, 'base64url')
    const standard = bytes.toString('base64')
    const withBoth = formatRefreshToken({ ...grant, grantId: 'ffffffff-ffff-ffff-ffff-fffffffffffb' }, macKey)
    const other = withBoth.replaceAll('-', '+').replaceAll('_', '/')
    expect(other).not.toBe(withBoth)
    const bad = ['', other, `${standard}=`, `${token} `, ` ${token.slice(1)}`, bytes.toString('hex'), '.'.repeat(72)]
    for (const text of [...bad, 'é'.repeat(72), 'A'.repeat(10_000_000)]) expect(parseRefreshToken(text)).toBeUndefined()
    for (const value of [undefined, null, 7, {}, [token], bytes]) {
      expect(parseRefreshToken(value as unknown as string)).toBeUndefined()
    }
  })

  it.each([0, 2, 255])('refuses version %i', (version) => {
    const bytes = Buffer.from(token, 'base64url')
    bytes.writeUInt8(version)
    expect(parseRefreshToken(bytes.toString('base64url'))).toBeUndefined()
  })

  it('never crashes, and what it reads is written back the same', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ minLength: 50, maxLength: 58 }), fc.string()), (value) => {
        const text = typeof value === 'string' ? value : Buffer.from([1, ...value.slice(1)]).toString('base64url')
        const result = parseRefreshToken(text)
        if (result) expect(Buffer.concat([result.body, result.mac]).toString('base64url')).toBe(text)
      }),
    )
  })
})

describe('formatRefreshToken', () => {
  const cases: [string, Partial<typeof grant>, Partial<MacKey>][] = [
    ['a grant id that is no UUID', { grantId: 'abc' }, {}],
    ['a generation past 32 bits', { generation: 2 ** 32 }, {}],
    ['a negative generation', { generation: -1 }, {}],
    ['a short grant secret', { grantSecret: randomBytes(31) }, {}],
    ['a key id past one byte', {}, { id: 256 }],
    ['a short key', {}, { key: randomBytes(31) }],
  ]

  it.each(cases)('throws for %s', (_, grantChange, keyChange) => {
    expect(() => formatRefreshToken({ ...grant, ...grantChange }, { ...macKey, ...keyChange })).toThrow(RangeError)
  })
})
