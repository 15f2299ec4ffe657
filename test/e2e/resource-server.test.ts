import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildVerifier } from '../../src/resource-server/build-verifier.js'
import { followRevocations } from '../../src/resource-server/follow-revocations.js'
import type { PrivateJwk, VerifierOptions } from '../../src/resource-server/options.js'
import type { Verifier } from '../../src/resource-server/verifier.js'
import { VerifyError } from '../../src/resource-server/verify-error.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Front, openFront } from '../support/front.js'
import { type Issuer, issuerAt, type Party, tokensOf } from '../support/issuer.js'
import {
  type Api,
  registerApi,
  registerClient,
  registerUser,
  setPassword,
  type User,
} from '../support/registrations.js'
import {
  admin,
  type Environment,
  installation,
  type RunningServer,
  startServer,
  stopServers,
} from '../support/server.js'

// An API's view of two built server processes behind one address: whatever is revoked, and whatever breaks on the way, nothing that was
// revoked is let in past the bound, and nothing that is good is taken for bad.

/** Seconds, as it is when nobody says otherwise. */
const MAX_STALENESS = 5
const MANY = 100
/** A hundred verifiers share this process with those who ask them: not more often than this. */
const OFTEN = { timeout: 30_000, interval: 100 }

let database: TestDatabase
let env: Environment
let front: Front
let servers: RunningServer[]
let issuer: Issuer
let api: Api
let app: Party
let service: Party
let other: Party
let ann: User
let bob: User
let all: Verifier[]

const eventually = <T>(check: () => Promise<T> | T) => vi.waitFor(check, OFTEN)
const ports = () => servers.map(({ url }) => Number(new URL(url).port))

beforeAll(async () => {
  database = await testDatabase()
  front = await openFront()
  const publicUrl = `http://localhost:${front.port}`
  // A route that asks the server is to know at once, whichever process it asks.
  env = await installation(database.url, { PUBLIC_URL: publicUrl, INTROSPECTION_MAX_STALENESS: '0' })
  servers = await Promise.all([startServer(env, 'ignore'), startServer(env, 'ignore')])
  front.to(...ports())
  issuer = issuerAt(publicUrl, publicUrl)
  api = await registerApi(env, 'https://orders.example')
  app = await registerClient(env, '--public', '--first-party', '--api', api.identifier)
  service = await registerClient(env, '--grant', 'client_credentials', '--api', api.identifier)
  other = await registerClient(env, '--grant', 'client_credentials', '--api', api.identifier)
  ann = await registerUser(env, 'ann@example.com')
  bob = await registerUser(env, 'bob@example.com')
  // Clocks that are a minute ahead and behind, among those that are right.
  all = Array.from({ length: MANY }, (_, n) => verifier({}, [0, 0, 60, -60][n % 4]))
  await Promise.all(all.map((one) => one.ready()))
})
afterAll(async () => {
  for (const one of all ?? []) one.close()
  await stopServers()
  await front.close()
  await database.drop()
})

function verifier(options: Partial<VerifierOptions> | Record<string, unknown> = {}, skew = 0): Verifier {
  const { id, secret, identifier: audience, privateJwk } = api
  const credentials = { id, secret: String(secret) }
  const common = { issuer: issuer.issuer, audience, credentials, decryptionKeys: [privateJwk as PrivateJwk] as const }
  const now = () => Date.now() / 1000 + skew
  return buildVerifier({ ...common, ...options } as VerifierOptions, { follow: followRevocations, now })
}

/** What becomes of a token: let in, or the code of the refusal. */
const fate = (token: string, by: Verifier) =>
  by.verify(token).then(
    () => 'live' as const,
    (error: unknown) => {
      if (error instanceof VerifyError) return error.code
      throw error
    },
  )
const fates = async (token: string, by: readonly Verifier[] = all) =>
  new Set(await Promise.all(by.map((one) => fate(token, one))))

/** Tries until the server takes it, as clients do while processes come and go. */
const answered = async <T>(ask: () => Promise<T>): Promise<T> => eventually(ask)
const login = async (user: User) =>
  answered(async () => tokensOf(await issuer.login(app, user, { resource: api.identifier })))
/**
 * A token that counts. A process that has not heard of the revocation before it yet, which takes some milliseconds, makes one that is
 * older than that, and so dead: its client asks for another.
 */
const serviceToken = async (client = service) =>
  answered(async () => {
    const { access_token } = tokensOf(await issuer.clientCredentials(client))
    expect(await issuer.introspect(api, access_token)).toMatchObject({ active: true })
    return access_token
  })

/**
 * Watches until all refuse what was revoked. What one let in that was asked past the bound, and what is good and was refused, is in the
 * answer. To be without an answer (503) is neither.
 */
async function watch({ dead, alive, since }: { dead: readonly string[]; alive: readonly string[]; since: number }) {
  const wrong: string[] = []
  await eventually(async () => {
    const isPast = performance.now() > since + MAX_STALENESS * 1000
    const seen = await Promise.all(dead.map((token) => fates(token)))
    if (isPast && seen.some((one) => one.has('live'))) wrong.push('Let in past the bound.')
    for (const one of await Promise.all(alive.map((token) => fates(token)))) {
      if (one.has('invalid_token')) wrong.push('Good, and refused.')
    }
    for (const one of seen) expect([...one]).toEqual(['invalid_token'])
  })
  for (const token of alive) await eventually(async () => expect([...(await fates(token))]).toEqual(['live']))
  return wrong
}

describe('what is revoked is refused by all, and nothing else is', () => {
  type Case = {
    name: string
    tokens: () => Promise<{ dead: string[]; alive: string[]; revoke: () => Promise<unknown> }>
  }
  const cases: Case[] = [
    {
      name: 'a token, by its client',
      tokens: async () => {
        const [one, two] = [await serviceToken(), await serviceToken()]
        return { dead: [one], alive: [two], revoke: () => issuer.revoke(service, one) }
      },
    },
    {
      name: 'a token, by the operator who has its jti',
      tokens: async () => {
        const [one, two] = [await serviceToken(), await serviceToken()]
        const { jti } = await verifier0().verify(one)
        return { dead: [one], alive: [two], revoke: () => admin(env, 'revoke', '--jti', jti) }
      },
    },
    {
      name: 'a grant, with its refresh token',
      tokens: async () => {
        const [one, two] = [await login(ann), await login(ann)]
        const next = tokensOf(await issuer.refresh(app, one.refresh_token))
        const dead = [one.access_token, next.access_token]
        return { dead, alive: [two.access_token], revoke: () => issuer.revoke(app, next.refresh_token) }
      },
    },
    {
      name: 'a grant, by signing out',
      tokens: async () => {
        const [one, two] = [await login(ann), await login(ann)]
        return { dead: [one.access_token], alive: [two.access_token], revoke: () => issuer.logout(one.access_token) }
      },
    },
    {
      name: 'a user',
      tokens: async () => {
        const [one, two, three] = [await login(ann), await login(ann), await login(bob)]
        const dead = [one.access_token, two.access_token]
        return { dead, alive: [three.access_token], revoke: () => admin(env, 'revoke', '--user', ann.username) }
      },
    },
    {
      name: 'a user, whose password was changed',
      tokens: async () => {
        const [one, two] = [await login(ann), await login(bob)]
        const password = 'another password altogether'
        const revoke = () => setPassword(env, ann, password)
        ann = { ...ann, password }
        return { dead: [one.access_token], alive: [two.access_token], revoke }
      },
    },
    {
      name: 'a client',
      tokens: async () => {
        const [one, two, three] = [await serviceToken(), await serviceToken(), await serviceToken(other)]
        return { dead: [one, two], alive: [three], revoke: () => admin(env, 'revoke', '--client', service.id) }
      },
    },
    {
      name: 'an API',
      tokens: async () => {
        const dead = [await serviceToken(), await serviceToken(other), (await login(bob)).access_token]
        return { dead, alive: [], revoke: () => admin(env, 'revoke', '--api', api.identifier) }
      },
    },
    {
      name: 'everything',
      tokens: async () => {
        const dead = [await serviceToken(), (await login(bob)).access_token]
        return { dead, alive: [], revoke: () => admin(env, 'revoke', '--all') }
      },
    },
    {
      name: 'a signing key',
      tokens: async () => {
        const dead = [await serviceToken(), (await login(bob)).access_token]
        const rotate = ['key', 'rotate', '--now', '--purpose', 'access_token', '--revoke']
        return { dead, alive: [], revoke: () => admin(env, ...rotate) }
      },
    },
  ]

  it.each(cases)('$name', async ({ tokens }) => {
    const { dead, alive, revoke } = await tokens()
    for (const token of [...dead, ...alive])
      await eventually(async () => expect([...(await fates(token))]).toEqual(['live']))
    await revoke()
    const since = performance.now()
    // What is issued after it is none of it: with a key that nobody has seen yet, too.
    const after = [await serviceToken(), (await login(bob)).access_token]
    expect(await watch({ dead, alive: [...alive, ...after], since })).toEqual([])
  })
})

describe('a way that breaks', () => {
  afterEach(() => front.mend())

  it.each([
    ['is cut', () => front.cut()],
    ['swallows everything', () => front.stall()],
  ])('%s: 503 past the bound and never 401, and what was revoked meanwhile is refused', async (_, breakIt) => {
    const [dead, alive] = [await serviceToken(), await serviceToken(other)]
    for (const token of [dead, alive]) await eventually(async () => expect([...(await fates(token))]).toEqual(['live']))
    breakIt()
    // By another way than that.
    const [direct] = servers
    const asked = issuerAt(String(direct?.url), issuer.issuer)
    await asked.revoke(service, dead)
    await wait(MAX_STALENESS * 1000)
    for (const token of [dead, alive]) expect([...(await fates(token))]).toEqual(['temporarily_unavailable'])
    front.mend()
    await eventually(async () => expect([...(await fates(alive))]).toEqual(['live']))
    await eventually(async () => expect([...(await fates(dead))]).toEqual(['invalid_token']))
  })

  it('is slow: what is known is as old as it is', async () => {
    const [dead, alive] = [await serviceToken(), await serviceToken(other)]
    for (const token of [dead, alive]) await eventually(async () => expect([...(await fates(token))]).toEqual(['live']))
    front.delay(400)
    await issuer.revoke(service, dead)
    expect(await watch({ dead: [dead], alive: [alive], since: performance.now() })).toEqual([])
  })

  it('leads to processes that are killed, one after the other, and come again', async () => {
    const [dead, alive] = [await serviceToken(), await serviceToken(other)]
    for (const token of [dead, alive]) await eventually(async () => expect([...(await fates(token))]).toEqual(['live']))
    const wrong: string[] = []
    const look = async () => {
      if ((await fates(alive)).has('invalid_token')) wrong.push('Good, and refused.')
    }
    await issuer.revoke(service, dead)
    for (const index of [0, 1]) {
      await servers[index]?.stop('SIGKILL')
      front.to(...ports().filter((_, n) => n !== index))
      await look()
      servers[index] = await startServer(env, 'ignore')
      front.to(...ports())
      await look()
    }
    expect(await watch({ dead: [dead], alive: [alive], since: performance.now() })).toEqual([])
    expect(wrong).toEqual([])
  })
})

it('a key that is changed for another logs nobody out', async () => {
  const before = [await serviceToken(), (await login(bob)).access_token]
  await admin(env, 'key', 'rotate', '--now', '--purpose', 'access_token')
  const after = [await serviceToken(), (await login(bob)).access_token]
  expect(await watch({ dead: [], alive: [...before, ...after], since: performance.now() })).toEqual([])
})

describe('an API without credentials', () => {
  it('reads status lists, and refuses what is revoked within their time to live', async () => {
    const one = verifier({ credentials: undefined })
    const [dead, alive] = [await serviceToken(), await serviceToken(other)]
    for (const token of [dead, alive]) await eventually(async () => expect(await fate(token, one)).toBe('live'))
    expect(one.status().revocations).toMatchObject({ source: 'status_list', bound: 16 })
    await issuer.revoke(service, dead)
    await eventually(async () => expect(await fate(dead, one)).toBe('invalid_token'))
    expect(await fate(alive, one)).toBe('live')
    one.close()
  })

  it('asks for no list because of a token that is none', async () => {
    const asked: string[] = []
    const counting = ((url: string, init?: RequestInit) => {
      asked.push(new URL(url).pathname)
      return fetch(url, init)
    }) as typeof fetch
    const one = verifier({ credentials: undefined, fetch: counting })
    await one.ready()
    const token = await serviceToken(other)
    const before = asked.length
    for (let at = 0; at < 40; at++) {
      const changed = `${token.slice(0, -1 - at)}${token.at(-1 - at) === 'A' ? 'B' : 'A'}${token.slice(token.length - at)}`
      expect(await fate(changed, one)).toBe('invalid_token')
    }
    expect(asked).toHaveLength(before)
    await eventually(async () => expect(await fate(token, one)).toBe('live'))
    expect(asked.slice(before).some((path) => path.startsWith('/status-lists/'))).toBe(true)
    one.close()
  })
})

it('a route that asks the server knows at once, and one whose credentials are wrong knows nothing', async () => {
  const token = await serviceToken()
  const one = verifier()
  await one.ready()
  expect(await one.verify(token, { introspect: true })).toMatchObject({ client_id: service.id })
  await issuer.revoke(service, token)
  await expect(one.verify(token, { introspect: true })).rejects.toMatchObject({
    code: 'invalid_token',
    reason: 'revoked',
  })
  one.close()
  const events: string[] = []
  const wrong = verifier({
    credentials: { id: api.id, secret: 'not the secret' },
    log: ({ event }: { event: string }) => void events.push(event),
  })
  const alive = await serviceToken(other)
  expect(await fate(alive, wrong)).toBe('temporarily_unavailable')
  await eventually(() => expect(events).toContain('credentials_refused'))
  wrong.close()
})

/** One whose clock is right. */
const verifier0 = () => all[0] as Verifier
