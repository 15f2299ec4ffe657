import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventsIn, knownAfter, type Told } from '../support/events.js'
import { digest, type Issuer, issuerAt, type Party, tokensOf } from '../support/issuer.js'
import { type Api, registerApi, registerClient } from '../support/registrations.js'
import {
  admin,
  type Environment,
  freePort,
  installation,
  type RunningServer,
  startServer,
  stopServers,
} from '../support/server.js'

let database: TestDatabase
let env: Environment
let servers: readonly [RunningServer, RunningServer]
let both: readonly [Issuer, Issuer]
let orders: Api
let service: Party
let metricsPort: number

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url)
  metricsPort = await freePort()
  servers = await Promise.all([startServer({ ...env, METRICS_PORT: String(metricsPort) }), startServer(env)])
  const [one, two] = servers
  const issuer = env['PUBLIC_URL'] ?? ''
  both = [issuerAt(one.url, issuer), issuerAt(two.url, issuer)]
  orders = await registerApi(env, 'https://orders.example')
  service = await registerClient(env, '--api', orders.identifier, '--grant', 'client_credentials')
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const authorization = ({ id, secret }: Party) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

/** A reader of the feed by fetch, as an API may have it. */
async function listen(at: Issuer, api: Party = orders, lastEventId?: string) {
  const controller = new AbortController()
  const response = await fetch(`${at.url}/revocations`, {
    headers: {
      accept: 'text/event-stream',
      authorization: authorization(api),
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
    signal: controller.signal,
  })
  let text = ''
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
  })().catch(() => {})
  return { status: response.status, events: () => eventsIn(text), ended, hangUp: () => controller.abort() }
}

type Reader = Awaited<ReturnType<typeof listen>>
const names = ({ events }: Reader) => events().map(({ event }) => event)
const known = ({ events }: Reader) => knownAfter(events()).digests

/** A token of the service, its entry in the list. */
async function aToken(at: Issuer) {
  const { access_token } = tokensOf(await at.clientCredentials(service))
  const { jti } = await at.introspect(orders, access_token)
  return { token: access_token, entry: digest('jti', String(jti)) }
}

describe('the feed of two processes', () => {
  it('tells at one what was revoked at the other, in under a second, signed with a published key', async () => {
    const [first, second] = both
    const reader = await listen(second)
    await expect.poll(() => names(reader)).toContain('heartbeat')
    const { token, entry } = await aToken(first)
    const revoking = performance.now()
    await first.revoke(service, token)
    await expect.poll(() => [...known(reader)], { interval: 5 }).toContain(entry)
    expect(performance.now() - revoking).toBeLessThan(1_000)
    const keys = createLocalJWKSet(await first.keys())
    for (const { data, told } of reader.events()) {
      const { payload } = await jwtVerify<Told>(data, keys, { issuer: first.issuer, typ: 'revocations+jwt' })
      expect(payload).toEqual(told)
    }
    reader.hangUp()
  })

  it('beats about once a second with a later poll each time', async () => {
    const reader = await listen(both[0])
    const polls = () => reader.events().flatMap(({ told }) => told.polled_at ?? [])
    await expect.poll(() => polls().length).toBeGreaterThan(3)
    const [first = 0, ...others] = polls()
    expect((others.at(-1) ?? 0) - first).toBeLessThan(1.6 * others.length)
    expect([...polls()].sort((a, b) => a - b)).toEqual(polls())
    reader.hangUp()
  })

  it('goes on at one where a reader of the other left off', async () => {
    const [first, second] = both
    const reader = await listen(first)
    await expect.poll(() => names(reader)).toContain('heartbeat')
    reader.hangUp()
    const { token, entry } = await aToken(first)
    await second.revoke(service, token)
    const again = await listen(second, orders, reader.events().at(-1)?.id)
    await expect.poll(() => again.events().flatMap(({ told }) => told.entries.map(({ d }) => d))).toContain(entry)
    expect(names(again)).not.toContain('snapshot')
    again.hangUp()
  })

  it('ends for an API that is disabled, within the second, at both', async () => {
    const api = await registerApi(env, 'https://stock.example')
    const readers = await Promise.all(both.map((at) => listen(at, api)))
    const other = await listen(both[0])
    await admin(env, 'api', 'disable', '--identifier', api.identifier)
    const disabledAt = performance.now()
    await Promise.all(readers.map(({ ended }) => ended))
    expect(performance.now() - disabledAt).toBeLessThan(1_000)
    expect((await listen(both[1], api)).status).toBe(401)
    const { token, entry } = await aToken(both[0])
    await both[0].revoke(service, token)
    await expect.poll(() => [...known(other)]).toContain(entry)
    other.hangUp()
  })

  it('is measured', async () => {
    const reader = await listen(both[0])
    const metrics = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    await expect.poll(metrics).toContain('\nbulla_feed_subscribers 1\n')
    expect(await metrics()).toMatch(/\nbulla_revocation_lag_seconds_count [1-9]/)
    reader.hangUp()
    await expect.poll(metrics).toContain('\nbulla_feed_subscribers 0\n')
  })

  it('does not keep a process from stopping, with a hundred subscribers', async () => {
    const [, server] = servers
    const readers = await Promise.all(Array.from({ length: 100 }, () => listen(both[1])))
    await expect.poll(() => readers.every((reader) => names(reader).length > 0)).toBe(true)
    const asked = performance.now()
    expect(await server.stop()).toBe(0)
    expect(performance.now() - asked).toBeLessThan(3_000)
    await Promise.all(readers.map(({ ended }) => ended))
    // A clean end, and the reader may go on at another with what it knows.
    const moved = await listen(both[0], orders, readers[0]?.events().at(-1)?.id)
    expect(moved.status).toBe(200)
    moved.hangUp()
  })
})
