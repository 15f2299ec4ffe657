import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TokenClaims } from '../../../src/oauth/ports.js'
import type { Api, Client, Tenant } from '../../../src/oauth/records.js'
import { createKnownRevocations, type KnowledgeSettings } from '../../../src/revocation/known-revocations.js'
import { entryDigest } from '../../../src/wire/revocation-list.js'
import { DEFAULT_TENANT } from '../../support/app.js'
import { apiLike, clientLike } from '../../support/ports.js'
import { createRevocationStore } from '../../support/revocation-store.js'

const MINUTE = 60_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const settled = () => new Promise((resolve) => setImmediate(resolve))

function setUp(settings: Partial<KnowledgeSettings> = {}) {
  const store = createRevocationStore()
  const asked: string[] = []
  const registered: { client: Client | undefined; api: Api | undefined; held: Promise<void> | undefined } = {
    client: clientLike('client-1'),
    api: apiLike('api-1'),
    held: undefined,
  }
  const known = createKnownRevocations(
    {
      revocations: {
        ...store,
        judge: async (tenantId) => {
          asked.push(tenantId)
          return { dead: 'postgres_says_so' }
        },
      },
      watch: store.watch,
      log: { warn: () => {} },
      clients: {
        find: async () => {
          await registered.held
          return registered.client
        },
      },
      apis: { findByIdentifier: async () => registered.api },
    },
    { within: 5, ...settings },
  )
  const tenantOf = (id: string): Tenant => ({ ...DEFAULT_TENANT, id })
  const claims: TokenClaims = {
    iss: DEFAULT_TENANT.issuer,
    sub: 'user-1',
    aud: 'https://api-1.example.com',
    client_id: 'client-1',
    iat: 1_000,
    exp: 1_300,
    jti: 'token-1',
    rev: 900,
  }
  const judge = (id = 'a', change: Partial<TokenClaims> = {}, tenant: Partial<Tenant> = {}) =>
    known.judge({ ...tenantOf(id), ...tenant }, { ...claims, ...change }, 'key-1')
  /** Reads what a tenant has and hears in a poll that it is all. */
  const learn = async (id = 'a') => {
    await judge(id)
    await settled()
    vi.advanceTimersByTime(1)
    store.poll(id)
    await settled()
    asked.length = 0
  }
  const revoke = (id: string, jti: string) => store.append(id, entryDigest('jti', jti))
  return { store, known, asked, registered, judge, learn, revoke }
}

const POSTGRES = { dead: 'postgres_says_so' }

describe('a judgement', () => {
  it('is Postgres’s at first, and made from memory once the tenant’s revocations are known', async () => {
    const { judge, asked, learn, revoke } = setUp()
    expect(await judge()).toEqual(POSTGRES)
    revoke('a', 'token-2')
    await learn()
    expect(await judge()).toBe('live')
    expect(await judge('a', { jti: 'token-2' })).toEqual({ dead: 'jti_revoked' })
    expect(asked).toEqual([])
  })

  it('is Postgres’s past the bound, and from memory again after the next poll', async () => {
    const { store, judge, learn } = setUp()
    await learn()
    vi.advanceTimersByTime(5_000)
    expect(await judge()).toBe('live')
    vi.advanceTimersByTime(1)
    expect(await judge()).toEqual(POSTGRES)
    store.poll('a')
    expect(await judge()).toBe('live')
  })

  it('is Postgres’s where the bound passes while what is registered is read', async () => {
    const { registered, judge, learn } = setUp()
    await learn()
    let release = () => {}
    registered.held = new Promise((resolve) => {
      release = resolve
    })
    const judged = judge()
    vi.advanceTimersByTime(5_001)
    release()
    expect(await judged).toEqual(POSTGRES)
  })

  it('is always Postgres’s with a bound of 0, and nobody is followed', async () => {
    const { store, known, judge, learn } = setUp({ within: 0 })
    await learn()
    expect(await judge()).toEqual(POSTGRES)
    expect([known.stats().tenants, store.watchers('a')]).toEqual([0, 0])
  })

  it.each<{ dead: string; change: Parameters<ReturnType<typeof setUp>['judge']>; registered?: object }>([
    { dead: 'tenant_disabled', change: ['a', {}, { disabled: true }] },
    { dead: 'lifetime_above_cap', change: ['a', {}, { maxTokenLifetime: 299 }] },
    { dead: 'client_deleted', change: ['a'], registered: { client: undefined } },
    { dead: 'client_disabled', change: ['a'], registered: { client: { ...clientLike('c'), disabled: true } } },
    { dead: 'api_deleted', change: ['a'], registered: { api: undefined } },
    { dead: 'api_disabled', change: ['a'], registered: { api: { ...apiLike('a'), disabled: true } } },
  ])('finds that a token is dead without any entry: $dead', async ({ dead, change, registered: changed }) => {
    const { registered, judge, learn, asked } = setUp()
    await learn()
    Object.assign(registered, changed)
    expect(await judge(...change)).toEqual({ dead })
    expect(asked).toEqual([])
  })

  it('asks for no API of a token for the issuer itself', async () => {
    const { registered, judge, learn } = setUp()
    await learn()
    registered.api = undefined
    expect(await judge('a', { aud: DEFAULT_TENANT.issuer })).toBe('live')
  })
})

describe('the tenants in use', () => {
  it('are followed each by itself, and forgotten when nobody asks any more', async () => {
    const { store, known, judge, learn, revoke } = setUp({ idle: MINUTE })
    revoke('a', 'token-1')
    await learn('a')
    await learn('b')
    expect([await judge('a'), await judge('b')]).toEqual([{ dead: 'jti_revoked' }, 'live'])
    expect(known.stats()).toEqual({ tenants: 2, entries: 1 })
    vi.advanceTimersByTime(MINUTE - 1)
    await judge('b')
    vi.advanceTimersByTime(1)
    for (const id of ['a', 'b']) store.poll(id)
    expect(known.stats()).toEqual({ tenants: 1, entries: 0 })
    expect([store.watchers('a'), store.watchers('b')]).toEqual([0, 1])
    await learn('a')
    expect(await judge('a')).toEqual({ dead: 'jti_revoked' })
  })

  it('are so many at the most: the one asked about longest ago makes room, unless that was just now', async () => {
    const { store, known, judge, learn } = setUp({ maxTenants: 2 })
    await learn('a')
    await learn('b')
    await learn('c')
    expect(await judge('c')).toEqual(POSTGRES)
    vi.advanceTimersByTime(10_001)
    store.poll('b')
    await judge('a')
    await learn('c')
    expect([store.watchers('a'), store.watchers('b'), store.watchers('c')]).toEqual([1, 0, 1])
    expect([known.stats().tenants, await judge('c')]).toEqual([2, 'live'])
  })

  it('have so many entries at the most: one that does not fit is left to Postgres for a while', async () => {
    const { known, judge, learn, revoke } = setUp({ maxEntries: 3 })
    for (const jti of ['one', 'two']) revoke('a', jti)
    await learn('a')
    for (const jti of ['one', 'two']) revoke('b', jti)
    await learn('b')
    expect([await judge('a'), await judge('b')]).toEqual(['live', POSTGRES])
    expect(known.stats().entries).toBe(2)
    vi.advanceTimersByTime(59_000)
    await learn('b')
    expect(await judge('b')).toEqual(POSTGRES)
  })

  it('are gone when Postgres has them no more, and asked for again', async () => {
    const { store, known, judge, learn } = setUp()
    await learn()
    store.remove('a')
    store.poll('a')
    expect(known.stats()).toEqual({ tenants: 0, entries: 0 })
    expect(await judge()).toEqual(POSTGRES)
  })

  it('are none once it is closed', async () => {
    const { store, known, judge, learn } = setUp()
    await learn()
    known.close()
    expect(await judge()).toEqual(POSTGRES)
    expect([store.watchers('a'), known.stats().tenants]).toEqual([0, 0])
  })
})

it('catches up for a tenant that is followed, and costs nothing for others', async () => {
  const { store, known, judge, learn, revoke } = setUp()
  await learn('a')
  revoke('a', 'token-1')
  const before = store.asked()
  await known.caughtUp('b')
  expect(store.asked()).toBe(before)
  await known.caughtUp('a')
  expect(await judge('a')).toEqual({ dead: 'jti_revoked' })
})
