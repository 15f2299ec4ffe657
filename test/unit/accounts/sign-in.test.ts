import { describe, expect, it } from 'vitest'
import { createAuthSessions } from '../../../src/accounts/auth-session.js'
import { next, type SignInContext, type SignInState } from '../../../src/accounts/sign-in.js'
import { createEnvelope, WrongMasterKeyError } from '../../../src/crypto/envelope.js'
import type { Passwords, SignInAttempt, SignInSubject, Throttle, Users } from '../../../src/oauth/ports.js'
import type { Tenant } from '../../../src/oauth/records.js'
import { clientLike } from '../../support/ports.js'

const NOW = 1_790_000_000
const tenant: Tenant = {
  id: 't1',
  slug: 'default',
  name: 'Default',
  branding: {},
  issuer: 'http://localhost:3000',
  maxTokenLifetime: 3600,
  disabled: false,
}
const client = {
  ...clientLike('cl_app', 't1'),
  public: true,
  firstParty: true,
  grantTypes: ['refresh_token'],
  apis: ['api_1'],
}
const context: SignInContext = {
  tenant,
  client,
  apis: ['api_1'],
  address: '192.0.2.1',
  by: { kind: 'client', id: 'cl_app' },
}
const ann = { id: 'u1', credentialVersion: 3, disabled: false, passwordHash: 'hash of right' }

function world(
  over: { user?: SignInSubject['user']; take?: Throttle['take']; verify?: Passwords['verify']; rehash?: boolean } = {},
) {
  const calls: string[] = []
  const note = (what: string, { username }: SignInAttempt, more = '') => calls.push(`${what} ${username}${more}`)
  const throttle: Throttle = {
    take:
      over.take ??
      (async (_, attempt) => {
        note('take', attempt)
        return 'taken'
      }),
    returned: async (_, attempt) => void note('returned', attempt),
    succeeded: async (_, attempt) => void note('succeeded', attempt),
    refused: async (_, attempt, { reason, userId, bucket }) =>
      void note('refused', attempt, ` ${reason} ${userId} ${bucket}`),
    clientFailed: async () => 'counted',
    flowBegun: async () => 'counted',
  }
  const users: Users = {
    forSignIn: async (_, username) => {
      calls.push(`find ${username}`)
      return { rev: 7, wide: 3, user: 'user' in over ? over.user : ann, clientLive: true, liveApis: ['api_1'] }
    },
    upgradePassword: async (_, id, { from, to }) => {
      calls.push(`upgrade ${id} ${from} ${to}`)
      return 'upgraded'
    },
  }
  const passwords: Passwords = {
    verify:
      over.verify ??
      (async (password, phc) => {
        calls.push(`verify against ${phc}`)
        return { ok: phc === `hash of ${password}`, rehash: over.rehash ?? false }
      }),
    hash: async (password) => `new hash of ${password}`,
  }
  return { calls, ports: { throttle, users, passwords, now: () => NOW } }
}
const answer = (username?: string, password?: string) => ({ state: {}, answer: { username, password } })

describe('next', () => {
  it('asks for the name, then for the password, and looks nobody up meanwhile', async () => {
    const { ports, calls } = world()
    expect(await next(answer(), context, ports)).toEqual({ need: 'username', state: {} })
    const step = await next(answer('ann@example.com'), context, ports)
    expect(step).toEqual({ need: 'password', state: { username: 'ann@example.com' } })
    expect(calls).toEqual([])
  })

  it('says who signed in, how and when, with the state they were judged by', async () => {
    const { ports, calls } = world()
    const state = { username: 'Ann@example.com' }
    expect(await next({ state, answer: { password: 'right' } }, context, ports)).toEqual({
      done: {
        userId: 'u1',
        credentialVersion: 3,
        rev: 7,
        wide: 3,
        clientLive: true,
        liveApis: ['api_1'],
        authTime: new Date(NOW * 1000),
        amr: ['pwd'],
        acr: '1',
      },
    })
    expect(calls).toEqual([
      'take ann@example.com',
      'find ann@example.com',
      'verify against hash of right',
      'succeeded ann@example.com',
    ])
  })

  it.each([
    ['a name nobody has', undefined, 'right', 'user_unknown'],
    ['a wrong password', ann, 'wrong', 'password_wrong'],
    ['a disabled user with the right password', { ...ann, disabled: true }, 'right', 'user_disabled'],
    ['a user without a password', { ...ann, passwordHash: undefined }, 'right', 'password_wrong'],
  ])('takes the same steps and gives the same answer for %s', async (_, user, password, reason) => {
    const { ports, calls } = world({ user })
    const failed = next(answer('ann@example.com', password), context, ports)
    await expect(failed).rejects.toMatchObject({
      code: 'invalid_grant',
      reason,
      description: 'The grant is invalid, expired or revoked.',
    })
    expect(calls.map((call) => call.split(' ')[0])).toEqual(['take', 'find', 'verify', 'refused'])
  })

  it('sends a name that no account can have the same way', async () => {
    const { ports, calls } = world({ user: undefined })
    await expect(next(answer('not an address', 'right'), context, ports)).rejects.toMatchObject({
      reason: 'user_unknown',
    })
    expect(calls.map((call) => call.split(' ')[0])).toEqual(['take', 'find', 'verify', 'refused'])
  })

  it('hashes nothing when throttled', async () => {
    const { ports, calls } = world({ take: async () => ({ retryAfter: 30, bucket: 'address' }) })
    const failed = next(answer('ann@example.com', 'right'), context, ports)
    await expect(failed).rejects.toMatchObject({
      status: 429,
      headers: { 'retry-after': '30' },
      reason: 'sign_in_throttled_by_address',
    })
    expect(calls).toEqual(['refused ann@example.com throttled undefined address'])
  })

  it('gives the try back when the queue is full', async () => {
    const verify = () => Promise.reject(Object.assign(new Error('full'), { retryAfter: 3 }))
    const { ports, calls } = world({ verify })
    const failed = next(answer('ann@example.com', 'right'), context, ports)
    await expect(failed).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '3' } })
    expect(calls).toEqual(['take ann@example.com', 'find ann@example.com', 'returned ann@example.com'])
  })

  it('upgrades a hash made with other parameters, and only after a right password', async () => {
    const right = world({ rehash: true })
    await next(answer('ann@example.com', 'right'), context, right.ports)
    expect(right.calls.at(-1)).toBe('upgrade u1 hash of right new hash of right')
    const wrong = world({ rehash: true })
    await expect(next(answer('ann@example.com', 'wrong'), context, wrong.ports)).rejects.toMatchObject({
      reason: 'password_wrong',
    })
    expect(wrong.calls.join()).not.toContain('upgrade')
  })

  it('refuses what is no password before it looks at the user', async () => {
    const { ports, calls } = world()
    const failed = next(answer('ann@example.com', 'x'.repeat(1025)), context, ports)
    await expect(failed).rejects.toMatchObject({ code: 'invalid_request', reason: 'password_too_long' })
    expect(calls).toEqual([])
  })

  it('does not let a sign-in begun for one person go on as another', async () => {
    const { ports } = world()
    const failed = next(
      { state: { username: 'ann@example.com' }, answer: { username: 'bob@example.com', password: 'right' } },
      context,
      ports,
    )
    await expect(failed).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('auth_session', () => {
  const state = { username: 'ann@example.com' }
  let now = NOW
  const envelope = createEnvelope(Buffer.alloc(32, 7))
  const sessions = createAuthSessions<SignInState>(envelope, () => now, 'login')

  it('is not sealed with the key that private keys lie under: anybody can have any number of them made', () => {
    const sealed = Buffer.from(sessions.issue(state, { tenant, client }), 'base64url')
    expect(() => envelope.open(sealed, `auth_session login ${tenant.id} ${client.id}`)).toThrow(WrongMasterKeyError)
  })

  it('gives the state back to the client that began it, for ten minutes', () => {
    const text = sessions.issue(state, { tenant, client })
    expect(text).toMatch(/^[\w-]+$/)
    expect(Buffer.from(text, 'base64url').toString()).not.toContain('username')
    now = NOW + 599
    expect(sessions.open(text, { tenant, client })).toEqual(state)
    now = NOW + 600
    expect(sessions.open(text, { tenant, client })).toBeUndefined()
    now = NOW
  })

  it('is nothing to another client, another tenant, or once a byte of it has changed', () => {
    const text = sessions.issue(state, { tenant, client })
    expect(sessions.open(text, { tenant, client: { id: 'cl_other' } })).toBeUndefined()
    expect(sessions.open(text, { tenant: { id: 't2' }, client })).toBeUndefined()
    for (let i = 0; i < text.length; i++) {
      const changed = text.slice(0, i) + (text[i] === 'A' ? 'Q' : 'A') + text.slice(i + 1)
      if (Buffer.from(changed, 'base64url').equals(Buffer.from(text, 'base64url'))) continue
      expect(sessions.open(changed, { tenant, client })).toBeUndefined()
    }
    expect(sessions.open('', { tenant, client })).toBeUndefined()
  })
})
