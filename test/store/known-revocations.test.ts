import { randomBytes, randomUUID } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { uuidToBase64url } from '../../src/crypto/uuid.js'
import type { NewKey } from '../../src/keys/ports.js'
import type { TokenClaims } from '../../src/oauth/ports.js'
import type { Grant } from '../../src/oauth/records.js'
import { knownAtOnce } from '../../src/revocation/at-once.js'
import { createKnownRevocations } from '../../src/revocation/known-revocations.js'
import { createDirectory } from '../../src/store/directory.js'
import { createEndings } from '../../src/store/endings.js'
import { PrismaClient } from '../../src/store/generated/client.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createKeyStore } from '../../src/store/keys.js'
import { silent } from '../../src/store/log.js'
import { createApiRegistry } from '../../src/store/registry/apis.js'
import { createClientRegistry } from '../../src/store/registry/clients.js'
import { createOperatorRevocations, type Target } from '../../src/store/registry/revocations.js'
import { createTenantRegistry } from '../../src/store/registry/tenants.js'
import { createUserRegistry } from '../../src/store/registry/users.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createView } from '../../src/store/view.js'
import { eventually } from '../support/eventually.js'
import {
  insert,
  makeApi,
  makeGrant,
  makeSession,
  makeUser,
  makeWorld,
  operator,
  type Stage,
  setStage,
  type World,
} from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'
import { proxyTo } from '../support/proxy.js'

const PUBLIC_URL = 'https://id.example.com'
const KEY = 'key-1'
const DAY = 86_400
const ANOTHER_KEY = {
  purpose: 'access_token',
  algorithm: 'ES256',
  number: undefined,
  publicJwk: { kty: 'EC' },
  sealed: randomBytes(4),
  masterKeyId: 'm',
} as unknown as Omit<NewKey, 'id'>

let stage: Stage
let registry: ReturnType<typeof registryOver>
const ended: (() => unknown)[] = []
beforeAll(async () => {
  stage = await setStage()
  registry = registryOver(stage)
})
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})
afterAll(() => stage.close())

/** What an operator's commands are made of. */
function registryOver({ pool }: Stage) {
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    users: createUserRegistry(prisma),
    clients: createClientRegistry(prisma),
    apis: createApiRegistry(prisma),
    tenants: createTenantRegistry(prisma),
    revocations: createOperatorRevocations(prisma),
  }
}

/** What one process over the database knows, and the ports through which it ends things. */
async function openProcess({ within = 60, connection = stage.database.connection, interval = 500 } = {}) {
  const pool = new pg.Pool({ ...connection, max: 8, connectionTimeoutMillis: 500, query_timeout: 3_000 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const view = createView({ pool, maxStaleness: 60, interval, log: silent })
  const directory = createDirectory({ pool, view, publicUrl: PUBLIC_URL, grace: 10 })
  const revocations = createRevocations({ pool, installation: await readInstallation(pool) })
  let judged = 0
  const counted = {
    ...revocations,
    judge: (...about: Parameters<typeof revocations.judge>) => {
      judged += 1
      return revocations.judge(...about)
    },
  }
  const known = createKnownRevocations(
    { ...directory, revocations: counted, watch: view.watch, log: silent },
    { within },
  )
  ended.push(
    () => pool.end(),
    () => view.close(),
    () => known.close(),
  )
  const stores = { grants: createGrants({ pool }), revocations, endings: createEndings({ pool }) }
  async function judge({ world, claims }: Issued) {
    const tenant = await directory.tenants.find(world.tenant.slug)
    if (!tenant) throw new Error('There is no such tenant.')
    return known.judge(tenant, claims, KEY)
  }
  return {
    judge,
    revocations,
    ending: knownAtOnce(stores, known.caughtUp),
    /** Whether it can say so without Postgres. */
    async fromMemory(issued: Issued) {
      const before = judged
      const verdict = await judge(issued)
      return judged === before && verdict
    },
    /** Everything that was committed before is known. */
    async catchUp({ world }: Issued) {
      await known.caughtUp(world.tenant.id)
      await view.catchUp()
    },
  }
}
type Process = Awaited<ReturnType<typeof openProcess>>

/** From here on it judges tokens of the tenant by itself. */
const followed = (process: Process, issued: Issued) =>
  eventually(async () => expect(await process.fromMemory(issued)).not.toBe(false))

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const revisionOf = async ({ tenant }: World) =>
  Number((await sql('SELECT revision FROM revisions WHERE tenant_id = $1', tenant.id))[0].revision)

type Issued = { world: World; session: string; grant: Grant; claims: TokenClaims }

async function furnish(): Promise<World> {
  const world = await makeWorld(stage.pool)
  await insert(stage.pool, 'keys', {
    tenant_id: world.tenant.id,
    id: KEY,
    purpose: 'access_token',
    algorithm: 'ES256',
    status: 'active',
    public_jwk: {},
    sealed: randomBytes(4),
    master_key_id: 'm',
    activates_at: new Date(),
  })
  // One revocation before, so that the tenant's revision is not zero.
  await sql(`SELECT append_revocation($1, 'jti', 'another')`, world.tenant.id)
  return world
}

/** A token under a grant under a session, as the mint makes it now. */
async function issue(world: World, { kept }: { kept?: Issued } = {}): Promise<Issued> {
  const rev = await revisionOf(world)
  const session = kept?.session ?? (await makeSession(stage.pool, world))
  const grant = kept?.grant ?? (await makeGrant(createGrants(stage), world, { sessionId: session, rev }))
  const at = Math.floor(Date.now() / 1000)
  const claims = {
    iss: `${PUBLIC_URL}/t/${world.tenant.slug}`,
    sub: world.user.id,
    aud: world.api.identifier,
    client_id: world.client.id,
    iat: at,
    exp: at + 300,
    jti: randomUUID(),
    rev,
    grant: uuidToBase64url(grant.id),
    sid: uuidToBase64url(session),
  }
  return { world, session, grant, claims }
}

/** The other kinds of token: of a client for itself, and for userinfo. */
const alike = (issued: Issued): Issued[] => {
  const { grant: _, sid: __, ...rest } = issued.claims
  const own = { ...rest, sub: rest.client_id, jti: randomUUID() }
  return [
    issued,
    { ...issued, claims: own },
    { ...issued, claims: { ...issued.claims, aud: rest.iss, jti: randomUUID() } },
  ]
}

type Case = { way: string; end: (issued: Issued) => Promise<unknown> }
const call = (text: string, id: (issued: Issued) => string) => (issued: Issued) =>
  sql(`SELECT ${text}`, issued.world.tenant.id, id(issued), operator, 'test')
const named = ({ world, claims }: Issued) => ({ id: world.tenant.id, issuer: claims.iss })
const revoked = (target: (issued: Issued) => Target) => (issued: Issued) =>
  registry.revocations.revoke(issued.world.tenant.id, target(issued), operator)

const ways: Case[] = [
  // The functions of the migrations.
  {
    way: 'revoke_token',
    end: ({ world, claims }) => sql(`SELECT revoke_token($1, $2, $3, '{}')`, world.tenant.id, claims.jti, operator),
  },
  { way: 'revoke_grant', end: call('revoke_grant($1, $2, $3, $4)', (i) => i.grant.id) },
  { way: 'revoke_session', end: call('revoke_session($1, $2, $3, $4)', (i) => i.session) },
  { way: 'end_sessions', end: call('end_sessions($1, ARRAY[$2::uuid], $3, $4)', (i) => i.session) },
  { way: 'end_session', end: call('end_session($1, $2, $3, $4)', (i) => i.session) },
  {
    way: 'end_session, of a grant that outlives it',
    end: async (issued) => {
      await sql('UPDATE grants SET offline = true WHERE id = $1', issued.grant.id)
      await call('end_session($1, $2, $3, $4)', (i) => i.session)(issued)
    },
  },
  {
    way: 'end_access',
    end: ({ world }) =>
      sql('SELECT end_access($1, $2, $3, $4, $5)', world.tenant.id, world.user.id, world.client.id, operator, 'test'),
  },
  { way: 'revoke_user', end: call('revoke_user($1, $2, $3, $4)', (i) => i.world.user.id) },
  { way: 'revoke_client', end: call('revoke_client($1, $2, $3, $4)', (i) => i.world.client.id) },
  { way: 'revoke_api', end: call('revoke_api($1, $2, $3, $4)', (i) => i.world.api.id) },
  { way: 'revoke_tenant', end: call('revoke_tenant($1, $2, $3, $4)', (i) => i.claims.iss) },
  { way: 'revoke_key', end: call(`revoke_key($1, $2, '1 day', $3, $4)`, () => KEY) },
  {
    way: 'replace_keys',
    end: ({ world }) =>
      createKeyStore(stage.pool).replace(
        world.tenant.id,
        { key: { ...ANOTHER_KEY, id: randomUUID() }, keep: DAY, reason: 'test' },
        operator,
      ),
  },
  {
    way: 'refresh_grant, of a refresh token that comes back',
    end: async ({ grant }) => {
      const grants = createGrants(stage)
      const attempt = () => ({ generation: 0, grace: 0, place: newPlace() })
      await grants.refresh(grant, attempt(), operator)
      expect(await grants.refresh(grant, attempt(), operator)).toMatchObject({ result: 'reused' })
    },
  },
  // What the server does with them.
  {
    way: 'revokeToken',
    end: async ({ world, claims }) =>
      createRevocations({ pool: stage.pool, installation: await readInstallation(stage.pool) }).revokeToken(
        world.tenant.id,
        { claims, place: undefined },
        operator,
      ),
  },
  {
    way: 'endOtherSessions',
    end: async ({ world }) =>
      createEndings(stage).endOtherSessions(
        world.tenant.id,
        { id: await makeSession(stage.pool, world), userId: world.user.id },
        { reason: 'test', by: operator },
      ),
  },
  // What an operator does.
  { way: 'revoke --jti', end: revoked((i) => ({ kind: 'token', jti: i.claims.jti, place: undefined, about: {} })) },
  { way: 'revoke --grant', end: revoked((i) => ({ kind: 'grant', id: i.grant.id })) },
  { way: 'revoke --session', end: revoked((i) => ({ kind: 'session', id: i.session })) },
  { way: 'revoke --user', end: revoked((i) => ({ kind: 'user', id: i.world.user.id })) },
  { way: 'revoke --client', end: revoked((i) => ({ kind: 'client', id: i.world.client.id })) },
  { way: 'revoke --api', end: revoked((i) => ({ kind: 'api', id: i.world.api.id })) },
  { way: 'revoke --key', end: revoked(() => ({ kind: 'key', id: KEY, keep: DAY })) },
  { way: 'revoke --all', end: revoked((i) => ({ kind: 'tenant', issuer: i.claims.iss })) },
  { way: 'user disable', end: ({ world }) => registry.users.disable(world.tenant.id, world.user.id, operator) },
  { way: 'user delete', end: ({ world }) => registry.users.delete(world.tenant.id, world.user.id, operator) },
  {
    way: 'user set-password',
    end: ({ world }) =>
      registry.users.setPassword(world.tenant.id, { id: world.user.id, passwordHash: '$argon2id$other' }, operator),
  },
  {
    way: 'user disable, and enable',
    end: async ({ world }) => {
      await registry.users.disable(world.tenant.id, world.user.id, operator)
      await registry.users.enable(world.tenant.id, world.user.id, operator)
    },
  },
  { way: 'client disable', end: ({ world }) => registry.clients.disable(world.tenant.id, world.client.id, operator) },
  { way: 'client delete', end: ({ world }) => registry.clients.delete(world.tenant.id, world.client.id, operator) },
  {
    way: 'client disable, and enable',
    end: async ({ world }) => {
      await registry.clients.disable(world.tenant.id, world.client.id, operator)
      await registry.clients.enable(world.tenant.id, world.client.id, operator)
    },
  },
  { way: 'api disable', end: ({ world }) => registry.apis.disable(world.tenant.id, world.api.id, operator) },
  { way: 'api delete', end: ({ world }) => registry.apis.delete(world.tenant.id, world.api.id, operator) },
  {
    way: 'api delete, and register again',
    end: async ({ world }) => {
      await registry.apis.delete(world.tenant.id, world.api.id, operator)
      await makeApi(stage.pool, world.tenant.id, { identifier: world.api.identifier })
      await sql('SELECT config_changed($1)', world.tenant.id)
    },
  },
  { way: 'tenant disable', end: (issued) => registry.tenants.disable(named(issued), operator) },
  { way: 'tenant delete', end: (issued) => registry.tenants.delete(named(issued), operator) },
  {
    way: 'tenant disable, and enable',
    end: async (issued) => {
      await registry.tenants.disable(named(issued), operator)
      await registry.tenants.enable(issued.world.tenant.id, operator)
    },
  },
]

describe('what memory and Postgres say of a token', () => {
  test('covers every function of the migrations that ends something', async () => {
    const found = await sql(
      `SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
        WHERE nspname = 'public' AND prosrc ~ 'append_revocation|revoke_|end_sessions' AND proname <> 'append_revocation'`,
    )
    const covered = ways.map(({ way }) => way.split(',')[0])
    expect([...new Set(found.map(({ proname }) => proname))].filter((name) => !covered.includes(name))).toEqual([])
    expect(found.length).toBeGreaterThan(10)
  })

  test.each(ways)('is the same, whenever it was made: $way', async ({ end }) => {
    const process = await openProcess()
    const [world, foreign] = [await furnish(), await furnish()]
    const before = await issue(world)
    const spared = await issue(foreign)
    const another = await issue({ ...world, user: await makeUser(stage.pool, world.tenant.id) })
    for (const one of [before, spared]) await followed(process, one)
    await end(before)
    // Signs in again where that is possible: a refusal is no token.
    const afresh = await issue(world).catch(() => undefined)
    await process.catchUp(before)

    const all = [...alike(before), ...alike(another), ...(afresh ? alike(afresh) : []), ...alike(spared)]
    const [known, judged] = [[] as string[], [] as string[]]
    for (const one of all) {
      const said = await process.fromMemory(one)
      const truth = await process.revocations.judge(one.world.tenant.id, one.claims, KEY)
      known.push(said === false ? 'not known' : said === 'live' ? 'live' : 'dead')
      judged.push(truth === 'live' ? 'live' : 'dead')
    }
    expect(known).toEqual(judged)
    expect(known[0]).toBe('dead')
    expect(known.slice(-3)).toEqual(['live', 'live', 'live'])
  })

  test('is the same once it was read anew from the beginning', async () => {
    const world = await furnish()
    const [one, other] = [await issue(world), await issue(world)]
    await sql('SELECT revoke_grant($1, $2, $3, $4)', world.tenant.id, one.grant.id, operator, 'test')
    for (let time = 0; time < 2; time++) {
      const process = await openProcess()
      await followed(process, one)
      expect(await process.fromMemory(one)).toEqual({ dead: 'grant_revoked' })
      expect(await process.fromMemory(other)).toBe('live')
    }
  })
})

describe('what is ended through a process', () => {
  test('is known there with the answer, however many end something at once', async () => {
    const [here, there] = [await openProcess(), await openProcess()]
    const world = await furnish()
    const issued = await Promise.all(Array.from({ length: 40 }, () => issue(world)))
    const [first] = issued as [Issued]
    await Promise.all([followed(here, first), followed(there, first)])
    let fromMemory = 0
    const act = async (one: Issued, index: number) => {
      const { tenant, client, user } = world
      const reason = { reason: 'test', by: operator }
      const process = index % 2 === 0 ? here : there
      const { revocations, grants, endings } = process.ending
      if (index % 4 < 2) await revocations.revokeToken(tenant.id, { claims: one.claims, place: undefined }, operator)
      else if (index % 8 < 4) await revocations.revokeGrant(tenant.id, one.grant.id, reason)
      else await endings.endSession(tenant.id, { id: one.session, userId: user.id }, reason)
      expect(client.id).toBe(one.claims.client_id)
      expect(await process.judge(one), `of ${index}`).not.toBe('live')
      if ((await process.fromMemory(one)) !== false) fromMemory += 1
      const again = await grants.refresh(one.grant, { generation: 0, grace: 0, place: newPlace() }, operator)
      expect(['rotated', 'revoked', 'crowded']).toContain(again.result)
    }
    await Promise.all(issued.map(act))
    expect(fromMemory).toBeGreaterThan(0)
    await Promise.all([here.catchUp(first), there.catchUp(first)])
    for (const one of issued) {
      expect(await here.fromMemory(one)).not.toBe('live')
      expect(await there.fromMemory(one)).not.toBe('live')
    }
  })

  test('is known there while everything is still being read', async () => {
    const world = await furnish()
    await sql(
      `INSERT INTO revocations (tenant_id, slot, revision, kind, digest, expires_at)
       SELECT $1, slot_of(now()), n, 'jti', 'digest ' || n, now() + interval '1 hour' FROM generate_series(1, 22000) AS n`,
      world.tenant.id,
    )
    const process = await openProcess({ interval: 20 })
    const issued = await Promise.all(Array.from({ length: 30 }, () => issue(world)))
    for (const one of issued) {
      await process.judge(one)
      await process.ending.revocations.revokeToken(world.tenant.id, { claims: one.claims, place: undefined }, operator)
      expect(await process.judge(one)).not.toBe('live')
    }
    const [first] = issued as [Issued]
    await followed(process, first)
    for (const one of issued) expect(await process.fromMemory(one)).toEqual({ dead: 'jti_revoked' })
  })
})

describe('what another process ended', () => {
  test('is known by its announcement or the next poll, between whichever two steps it is committed', async () => {
    const process = await openProcess({ interval: 30 })
    const world = await furnish()
    const issued = await Promise.all(Array.from({ length: 60 }, () => issue(world)))
    const [first] = issued as [Issued]
    await followed(process, first)
    // What was committed when a judgement began may be unknown; what a later poll has told must not be.
    await Promise.all(
      issued.map(async (one) => {
        await sql('SELECT revoke_grant($1, $2, $3, $4)', world.tenant.id, one.grant.id, operator, 'test')
        await eventually(async () => expect(await process.fromMemory(one)).toEqual({ dead: 'grant_revoked' }))
      }),
    )
    for (const one of issued) expect(await process.judge(one)).not.toBe('live')
  })

  test.each(['cut', 'stall'] as const)(
    'is never said to be live past the bound, with Postgres out of reach (%s)',
    async (how) => {
      const proxy = await proxyTo(stage.database.connection)
      ended.push(proxy.close)
      const process = await openProcess({ within: 1, connection: proxy.connection, interval: 50 })
      const one = await issue(await furnish())
      await followed(process, one)
      proxy[how]()
      await sql('SELECT revoke_grant($1, $2, $3, $4)', one.world.tenant.id, one.grant.id, operator, 'test')
      const endedAt = performance.now()
      // Within the bound it may be answered by what was known; then it can't be said.
      await eventually(async () => {
        const said = await process.judge(one).catch(() => 'unavailable')
        if (performance.now() - endedAt > 1_000) expect(said).not.toBe('live')
        expect(said).toBe('unavailable')
      })
      proxy.mend()
      await eventually(async () => expect(await process.fromMemory(one)).toEqual({ dead: 'grant_revoked' }))
    },
  )
})
