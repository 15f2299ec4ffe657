import { describe, expect, it } from 'vitest'
import { logoutToken } from '../../../src/oauth/logout-token.js'
import type { JwtKind } from '../../../src/oauth/ports.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'
import { clientLike, PLAIN_OPENID } from '../../support/ports.js'

const SESSION = '0001f2f3-0405-4607-8809-0a0b0c0d0e0f'
const NOW = 1_800_000_000.7

/** What was given to be signed. */
async function made({ tenant = DEFAULT_TENANT, client = clientLike('app', tenant.id) } = {}) {
  const signed: { tenant: string; header: JwtKind; claims: Record<string, unknown> }[] = []
  const token = await logoutToken(
    { tenant, client, userId: 'user-1', sessionId: SESSION },
    {
      now: () => NOW,
      subjects: { of: async ({ tenantId, userId }, sector) => [tenantId, userId, sector ?? 'public'].join(' ') },
      jwtSigner: {
        keyId: async () => 'key-1',
        sign: async ({ slug }, header, payload) => {
          signed.push({ tenant: slug, header, claims: payload as Record<string, unknown> })
          return 'signed'
        },
      },
    },
  )
  expect(token).toBe('signed')
  return signed[0]
}

describe('a logout token', () => {
  it('says which session of whom is over, to whom, and nothing else', async () => {
    const token = await made()
    expect(token?.header).toEqual({ typ: 'logout+jwt', alg: 'RS256' })
    expect(token?.claims).toEqual({
      iss: DEFAULT_TENANT.issuer,
      sub: `${DEFAULT_TENANT.id} user-1 public`,
      aud: 'app',
      iat: 1_800_000_000,
      exp: 1_800_000_120,
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      sid: Buffer.from(SESSION.replaceAll('-', ''), 'hex').toString('base64url'),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    })
  })

  it('can not pass for an ID token: it has a type of its own and no nonce', async () => {
    const token = await made()
    expect(token?.header.typ).not.toBe('JWT')
    expect(token?.claims).not.toHaveProperty('nonce')
  })

  it('has another jti each time it is made', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await made())?.claims['jti']))
    expect(new Set(ids).size).toBe(20)
  })

  it('is of the tenant, signed as the ID tokens of the client are, and of the subject that it knows', async () => {
    const openid = { ...PLAIN_OPENID, idTokenAlgorithm: 'ES256', sector: 'app.example' } as const
    const token = await made({ tenant: ACME, client: { ...clientLike('app', ACME.id), openid } })
    expect(token).toMatchObject({ tenant: 'acme', header: { alg: 'ES256' } })
    expect(token?.claims).toMatchObject({ iss: ACME.issuer, sub: `${ACME.id} user-1 app.example` })
  })
})
