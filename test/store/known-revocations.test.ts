import { randomBytes, randomUUID } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NewKey } from '../../src/keys/ports.js'
import { createEndings } from '../../src/store/endings.js'
import { PrismaClient } from '../../src/store/generated/client.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createKeyStore } from '../../src/store/keys.js'
import { createApiRegistry } from '../../src/store/registry/apis.js'
import { createClientRegistry } from '../../src/store/registry/clients.js'
import { createOperatorRevocations, type Target } from '../../src/store/registry/revocations.js'
import { createTenantRegistry } from '../../src/store/registry/tenants.js'
import { createUserRegistry } from '../../src/store/registry/users.js'
import { createRevocations } from '../../src/store/revocations.js'
import { makeApi, makeSession, makeUser, operator, type Stage, setStage } from '../support/fixtures.js'
import { type Issued, introspectingProcesses, KEY } from '../support/introspecting-processes.js'
import { newPlace } from '../support/mint.js'

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
let bench: ReturnType<typeof introspectingProcesses>
beforeAll(async () => {
  stage = await setStage()
  registry = registryOver(stage)
  bench = introspectingProcesses(stage)
})
afterEach(() => bench.close())
afterAll(() => stage.close())

const sql = (text: string, ...values: unknown[]) => bench.sql(text, ...values)

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
    const { openProcess, furnish, issue, followed } = bench
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
    const { openProcess, furnish, issue, followed } = bench
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
