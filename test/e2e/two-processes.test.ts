import { setTimeout as wait } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { expectInactive } from '../support/inactive.js'
import { secretsIn } from '../support/issued-secrets.js'
import {
  digest,
  everyRefusal,
  type Issuer,
  issuerAt,
  type Party,
  type Tokens,
  tokensOf,
  unseal,
} from '../support/issuer.js'
import {
  type Api,
  registerApi,
  registerClient,
  registerUser,
  setPassword,
  type User,
} from '../support/registrations.js'
import { admin, type Environment, everythingSaid, installation, startServer, stopServers } from '../support/server.js'

const ORDERS = 'https://orders.example'
/** Milliseconds of MAX_STALENESS. */
const BOUND = 2_000

let database: TestDatabase
let env: Environment
/** Two processes over one database, as two replicas of one server. */
let both: readonly [Issuer, Issuer]
let orders: Api
let shop: Party
let ann: User

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url, { MAX_STALENESS: '2', REFRESH_GRACE: '60' })
  const servers = await Promise.all([startServer(env), startServer(env)])
  const [one, two] = servers.map(({ url }) => issuerAt(url, env['PUBLIC_URL'] ?? ''))
  if (!one || !two) throw new Error('Two were started.')
  both = [one, two]
  ;[orders, ann] = await Promise.all([registerApi(env, ORDERS), registerUser(env, 'ann@example.com')])
  shop = await registerClient(env, '--public', '--first-party', '--api', ORDERS)
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const login = async (client = shop, user = ann) => tokensOf(await both[0].login(client, user))
/** One and the other, again and again. */
const alternating = (count: number) => Array.from({ length: count }, (_, index) => both[index % 2 === 0 ? 0 : 1])
const isActive = async (at: Issuer, token: string) => (await at.introspect(orders, token))['active']
const outcome = ({ status, body }: { status: number; body: Tokens | object }) =>
  'error' in body ? `${status} ${body.error}` : status

/** By introspection whoever did not end it hears of it within the bound. */
const expectEnded = (at: Issuer, token: string) => expectInactive(() => isActive(at, token), BOUND)

/** What both say: of a refresh token at once, for nothing has to pass between them first. */
async function expectDead({ access_token, refresh_token }: Tokens, client = shop) {
  for (const at of both) {
    await expectEnded(at, access_token)
    expect(outcome(await at.refresh(client, refresh_token))).toBe('400 invalid_grant')
  }
}

describe('refreshing at two processes', () => {
  it('gives 50 callers at once one lineage and the same successor', async () => {
    const { refresh_token } = await login()
    const answers = await Promise.all(alternating(50).map((at) => at.refresh(shop, refresh_token)))
    const all = answers.map(tokensOf)
    expect(new Set(all.map((one) => one.refresh_token)).size).toBe(1)
    expect(all[0]?.refresh_token).not.toBe(refresh_token)
    expect(new Set(all.map((one) => one.access_token)).size).toBe(50)
    for (const { access_token } of all.slice(0, 4)) expect(await isActive(both[1], access_token)).toBe(true)
    const { grants } = await admin(env, 'grant', 'list', '--client', shop.id)
    expect(grants).toHaveLength(1)
  })

  it('does not log out a tab that comes late with an answer that was lost', async () => {
    const { refresh_token } = await login()
    const [first, second] = both
    const one = tokensOf(await first.refresh(shop, refresh_token))
    const two = tokensOf(await second.refresh(shop, one.refresh_token))
    // The late tab still has the first of three.
    const late = tokensOf(await second.refresh(shop, refresh_token))
    expect(late.refresh_token).toBe(two.refresh_token)
    tokensOf(await first.refresh(shop, two.refresh_token))
  })

  it.each([0, 1] as const)('finds a thief out past a grace of %i s, and ends the grant for both', async (grace) => {
    const client = await registerClient(env, '--public', '--first-party', '--api', ORDERS, '--grace', String(grace))
    const { refresh_token: stolen, access_token } = await login(client)
    const [first, second] = both
    const mine = tokensOf(await first.refresh(client, stolen))
    if (grace > 0) await wait(grace * 1000)
    expect(outcome(await second.refresh(client, stolen))).toBe('400 invalid_grant')
    // The one that found out knows it with its answer.
    for (const token of [access_token, mine.access_token]) expect(await isActive(second, token)).toBe(false)
    await expectDead(mine, client)
    await expectEnded(first, access_token)
    const { events } = (await admin(env, 'audit', 'list', '--type', 'grant.reused')) as { events: object[] }
    expect(events[0]).toMatchObject({ subject: { client: client.id } })
  })

  it('lets one of 30 callers rotate without a grace, and takes the others for thieves', async () => {
    const client = await registerClient(env, '--public', '--first-party', '--api', ORDERS, '--grace', '0')
    const { refresh_token } = await login(client)
    const answers = await Promise.all(alternating(30).map((at) => at.refresh(client, refresh_token)))
    const winners = answers.filter(({ status }) => status === 200)
    expect(winners).toHaveLength(1)
    for (const winner of winners) await expectDead(tokensOf(winner), client)
  })
})

describe('what is ended at one process', () => {
  it.each([
    { name: 'a refresh token', end: async (at: Issuer, { refresh_token }: Tokens) => at.revoke(shop, refresh_token) },
    { name: 'a sign-in', end: async (at: Issuer, { refresh_token }: Tokens) => at.logout(shop, { refresh_token }) },
    {
      name: 'a sign-in, by its access token',
      end: async (at: Issuer, { access_token }: Tokens) => at.logout(access_token),
    },
  ])('has ended there with the answer, and at the other within the bound: $name', async ({ end }) => {
    const [first, second] = both
    const tokens = await login()
    const other = tokensOf(await second.refresh(shop, tokens.refresh_token))
    expect(await isActive(second, other.access_token)).toBe(true)
    expect((await end(first, other)).status).toBe(200)
    for (const { access_token } of [tokens, other]) expect(await isActive(first, access_token)).toBe(false)
    expect(outcome(await second.refresh(shop, other.refresh_token))).toBe('400 invalid_grant')
    await expectEnded(second, other.access_token)
    await expectDead(tokens)
    const { entries } = await second.list(orders)
    expect(entries.map(({ d }) => d)).toContain(digest('grant', await grantOf(tokens)))
  })

  it('is one access token, if only that was revoked', async () => {
    const [first, second] = both
    const { access_token, refresh_token } = await login()
    await first.revoke(shop, access_token)
    expect(await isActive(first, access_token)).toBe(false)
    await expectEnded(second, access_token)
    tokensOf(await second.refresh(shop, refresh_token))
  })
})

describe('what the operator ends', () => {
  it('of a user is dead at both, and they sign in at neither', async () => {
    const bob = await registerUser(env, 'bob@example.com')
    const tokens = await login(shop, bob)
    await admin(env, 'user', 'disable', '--email', bob.username)
    await expectDead(tokens)
    for (const at of both) expect(outcome(await at.login(shop, bob))).toBe('400 invalid_grant')
    await admin(env, 'user', 'enable', '--email', bob.username)
    await expectDead(tokens)
    for (const at of both) tokensOf(await at.login(shop, bob))
  })

  it('of a client is dead at both, and it gets nothing new that lives', async () => {
    const grants = ['--grant', 'refresh_token', '--grant', 'client_credentials']
    const client = await registerClient(env, '--first-party', '--api', ORDERS, ...grants)
    const tokens = await login(client)
    const own = await Promise.all(both.map(async (at) => tokensOf(await at.clientCredentials(client)).access_token))
    await admin(env, 'client', 'disable', '--id', client.id)
    for (const at of both) {
      for (const token of [tokens.access_token, ...own]) await expectEnded(at, token)
      const refused = outcome(await at.refresh(client, tokens.refresh_token))
      // Whichever is noticed first: that the client is disabled, or that its grant has ended.
      expect(['400 invalid_grant', '401 invalid_client']).toContain(refused)
      expect(['400 unauthorized_client', '401 invalid_client']).toContain(outcome(await at.login(client, ann)))
    }
    // What needs no statement that writes is known within the staleness that is allowed; until then what it gets is dead.
    for (const at of both) {
      await expect
        .poll(async () => {
          const answer = await at.clientCredentials(client)
          if (answer.status === 200) await expectEnded(at, tokensOf(answer).access_token)
          return outcome(answer)
        })
        .toBe('401 invalid_client')
    }
    await admin(env, 'client', 'enable', '--id', client.id)
    for (const at of both) {
      await expect.poll(async () => (await at.clientCredentials(client)).status).toBe(200)
      expect(await isActive(at, tokens.access_token)).toBe(false)
    }
  })

  it('of an API is dead at both, and nothing is issued for it', async () => {
    const api = await registerApi(env, 'https://stock.example')
    const grants = ['--grant', 'refresh_token', '--grant', 'client_credentials']
    const client = await registerClient(env, '--first-party', '--api', api.identifier, ...grants)
    const tokens = await login(client)
    await admin(env, 'api', 'disable', '--identifier', api.identifier)
    for (const at of both) {
      await expectInactive(async () => (await at.introspect(client, tokens.access_token))['active'], BOUND)
      await expect.poll(async () => outcome(await at.clientCredentials(client))).toBe('400 invalid_target')
      await expect.poll(async () => outcome(await at.refresh(client, tokens.refresh_token))).toBe('400 invalid_target')
      await expect.poll(async () => (await at.form('/oauth2/introspect', api, { token: 'x' })).status).toBe(401)
    }
  })
})

describe('rotating keys', () => {
  const kidOf = async (at: Issuer) => {
    const { inner } = await unseal(tokensOf(await at.login(shop, ann)).access_token, orders.privateJwk)
    return decodeProtectedHeader(inner).kid
  }
  const rotate = async (...more: string[]) => {
    const rotated = await admin(env, 'key', 'rotate', '--purpose', 'access_token', '--now', ...more)
    const [key] = rotated['keys'] as { key_id: string; revoked: string[] }[]
    if (!key) throw new Error('There was a key.')
    return key
  }

  it('makes both sign with the new one, and leaves what the old one signed', async () => {
    const old = await login()
    const { key_id } = await rotate()
    const { inner } = await unseal(old.access_token, orders.privateJwk)
    for (const at of both) {
      await expect.poll(() => kidOf(at)).toBe(key_id)
      expect(await isActive(at, old.access_token)).toBe(true)
      expect((await at.verify(inner, ORDERS)).payload.sub).toBe(ann.id)
      tokensOf(await at.refresh(shop, old.refresh_token))
    }
  })

  it('and revoking the old ones ends what they signed, everywhere', async () => {
    const old = await login()
    const { inner } = await unseal(old.access_token, orders.privateJwk)
    const stolen = decodeProtectedHeader(inner).kid ?? ''
    const { key_id, revoked } = await rotate('--revoke')
    expect(revoked).toContain(stolen)
    for (const at of both) {
      await expectEnded(at, old.access_token)
      expect((await at.list(orders)).entries.map(({ d }) => d)).toContain(digest('kid', stolen))
      await expect.poll(() => kidOf(at)).toBe(key_id)
      await expect.poll(async () => (await at.keys()).keys.map(({ kid }) => kid)).not.toContain(stolen)
      // The sign-in is as good as before: only what was signed with the key is not.
      const { access_token } = tokensOf(await at.refresh(shop, old.refresh_token))
      expect(await isActive(at, access_token)).toBe(true)
    }
  })

  it('that refresh tokens are made with ends none', async () => {
    const old = await login()
    await admin(env, 'key', 'rotate', '--purpose', 'mac', '--now')
    let { refresh_token } = old
    for (const at of alternating(4)) ({ refresh_token } = tokensOf(await at.refresh(shop, refresh_token)))
  })
})

describe('signing in at two processes', () => {
  it('counts wrong passwords together', async () => {
    const carol = await registerUser(env, 'carol@example.com')
    const answers = await Promise.all(
      alternating(12).map((at) => at.login(shop, { ...carol, password: 'wrong password' })),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(answers.map(outcome).filter((one) => one === '400 invalid_grant')).toHaveLength(5)
    expect(refused).toHaveLength(7)
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
    // From this address not even the right one is looked at now; nobody else is kept out.
    for (const at of both) expect((await at.login(shop, carol)).status).toBe(429)
    await login()
  })

  it('gives no password that is being changed a grant that outlives the change', async () => {
    const dave = await registerUser(env, 'dave@example.com')
    const before = [await login(shop, dave), await login(shop, dave)]
    const made: Tokens[] = [...before]
    let changed = false
    // One that stops at its first refusal, so that the account is not throttled in the end.
    const signIn = async (at: Issuer) => {
      for (let answer = await at.login(shop, dave); answer.status === 200; answer = await at.login(shop, dave)) {
        made.push(tokensOf(answer))
      }
    }
    const refresh = async (at: Issuer, first: Tokens) => {
      for (let token = first.refresh_token; !changed; ) {
        const answer = await at.refresh(shop, token)
        if (answer.status !== 200) return
        made.push(tokensOf(answer))
        token = tokensOf(answer).refresh_token
      }
    }
    const change = setPassword(env, dave, 'another password altogether').finally(() => {
      changed = true
    })
    const [first, second] = both
    const refreshing = before.map((tokens, index) => refresh(index === 0 ? first : second, tokens))
    await Promise.all([change, signIn(first), signIn(second), signIn(first), signIn(second), ...refreshing])

    expect(made.length).toBeGreaterThan(4)
    for (const tokens of made) {
      await expectEnded(second, tokens.access_token)
      expect(outcome(await first.refresh(shop, tokens.refresh_token))).toBe('400 invalid_grant')
    }
    const { grants } = await admin(env, 'grant', 'list', '--user', dave.username)
    expect(grants).toEqual([])
    for (const at of both) tokensOf(await at.login(shop, { ...dave, password: 'another password altogether' }))
  })
})

it('writes none of all these secrets, neither to a log nor in a refusal', () => {
  const { found, of } = secretsIn(everythingSaid() + everyRefusal())
  expect(of).toBeGreaterThan(5)
  expect(found).toEqual([])
})

async function grantOf({ access_token }: Tokens): Promise<string> {
  const { inner } = await unseal(access_token, orders.privateJwk)
  return JSON.parse(Buffer.from(inner.split('.')[1] ?? '', 'base64url').toString()).grant
}
