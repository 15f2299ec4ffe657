import { setTimeout as wait } from 'node:timers/promises'
import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildVerifier } from '../../src/resource-server/build-verifier.js'
import { followRevocations } from '../../src/resource-server/follow-revocations.js'
import type { PrivateJwk } from '../../src/resource-server/options.js'
import type { Verifier } from '../../src/resource-server/verifier.js'
import { VerifyError } from '../../src/resource-server/verify-error.js'
import type { AccessTokenClaims } from '../../src/wire/claims.js'
import { isRevoked, revocationKeys } from '../../src/wire/revocation-list.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { type Issuer, issuerAt, type Party, type Tokens, tokensOf, unseal } from '../support/issuer.js'
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
  script,
  startServer,
  stopServers,
} from '../support/server.js'

// The invariant that everything else rests on: whatever was issued, refreshed and revoked, in whatever order, at whichever process,
// introspection, status list, feed and the SDK of the API say the same of every token once the bound has passed.

const MAX_STALENESS = 2
const RUNS = 3

let database: TestDatabase
let env: Environment
let servers: [RunningServer, RunningServer]
let apis: readonly [Api, Api]
let people: User[]
let app: Party
let service: Party
/** What the APIs run, by process and API: it has gone on since before the first history, whatever became of the processes. */
let verifiers: readonly Verifier[]

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url, { MAX_STALENESS: String(MAX_STALENESS), REFRESH_GRACE: '1' })
  servers = [await startServer(env, 'ignore'), await startServer(env, 'ignore')]
  apis = [
    await registerApi(env, 'https://one.example', '--scope', 'one'),
    await registerApi(env, 'https://two.example', '--scope', 'two'),
  ]
  people = [await registerUser(env, 'ann@example.com'), await registerUser(env, 'bob@example.com')]
  const both = apis.flatMap(({ identifier }) => ['--api', identifier])
  app = await registerClient(env, '--public', '--first-party', ...both)
  service = await registerClient(env, '--grant', 'client_credentials', ...both)
  verifiers = [0, 1].flatMap((process) => apis.map((api) => verifierAt(process, api)))
})
afterAll(async () => {
  for (const verifier of verifiers ?? []) verifier.close()
  await stopServers()
  await database.drop()
})

const at = (process: number): Issuer => issuerAt(servers[process === 0 ? 0 : 1].url, env['PUBLIC_URL'] ?? '')

/** Through the one process alone. */
function verifierAt(process: number, { id, secret, identifier: audience, privateJwk }: Api): Verifier {
  const { issuer } = at(process)
  const options = {
    issuer,
    audience,
    decryptionKeys: [privateJwk as PrivateJwk] as const,
    credentials: { id, secret: String(secret) },
    fetch: ((url: string, init?: RequestInit) => fetch(url.replace(issuer, at(process).url), init)) as typeof fetch,
  }
  return buildVerifier(options, { follow: followRevocations })
}

/** Whether the SDK of the token's API lets it in. 503 is no answer: it says when it can't know. */
async function isLetIn(process: number, { token, api }: Issued): Promise<boolean> {
  const verifier = verifiers[2 * process + apis.indexOf(api)]
  if (!verifier) throw new Error('There is no such verifier.')
  return eventually(() =>
    verifier.verify(token).then(
      () => true,
      (error: unknown) => {
        if (error instanceof VerifyError && error.code === 'invalid_token') return false
        throw error
      },
    ),
  )
}

/** All that was issued in one history. */
type Issued = { readonly token: string; readonly api: Api; readonly refresh: string | undefined }
type History = { readonly issued: Issued[]; changes: number }

const process = fc.constantFrom(0 as const, 1 as const)
const number = fc.nat({ max: 1_000 })
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('login' as const), process, user: process, api: process }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('refresh' as const), process, of: number, api: process }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('service' as const), process, api: process }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('revoke_access' as const), process, of: number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('revoke_refresh' as const), process, of: number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('logout' as const), process, of: number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('operator' as const), of: number, what: fc.nat({ max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('password' as const), user: process }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rotate' as const), revoke: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), process, hard: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const keep = ({ issued }: History, answer: Awaited<ReturnType<Issuer['token']>>, api: Api) => {
  // A refusal is an answer too: of a grant that has ended, or while a process starts again.
  if (answer.status !== 200) return
  const { access_token, refresh_token } = tokensOf(answer) as Tokens & { refresh_token?: string }
  issued.push({ token: access_token, api, refresh: refresh_token })
}

/** Nothing comes of a step at a process that is just being restarted. */
async function take(step: Step, history: History): Promise<void> {
  await act(step, history).catch((error: unknown) => {
    if (!(error instanceof TypeError && error.message === 'fetch failed')) throw error
  })
}

async function act(step: Step, history: History): Promise<void> {
  const { issued } = history
  const pick = (of: number) => issued[of % Math.max(1, issued.length)]
  const person = (index: number) => people[index] as User
  switch (step.do) {
    case 'login': {
      const api = apis[step.api === 0 ? 0 : 1]
      const resource = [api, ...apis.filter((one) => one !== api)].map(({ identifier }) => identifier)
      return keep(history, await at(step.process).login(app, person(step.user), { resource }), api)
    }
    case 'refresh': {
      const token = pick(step.of)?.refresh
      const api = apis[step.api === 0 ? 0 : 1]
      if (token) keep(history, await at(step.process).refresh(app, token, { resource: api.identifier }), api)
      return
    }
    case 'service': {
      const api = apis[step.api === 0 ? 0 : 1]
      return keep(history, await at(step.process).clientCredentials(service, { resource: api.identifier }), api)
    }
    case 'revoke_access': {
      const one = pick(step.of)
      if (one) await at(step.process).revoke(one.refresh ? app : service, one.token)
      return
    }
    case 'revoke_refresh': {
      const token = pick(step.of)?.refresh
      if (token) await at(step.process).revoke(app, token)
      return
    }
    case 'logout': {
      const one = pick(step.of)
      if (one) await at(step.process).logout(one.token)
      return
    }
    case 'operator':
      return operator(step.what, pick(step.of))
    case 'password': {
      const password = `password number ${++history.changes} of somebody`
      await setPassword(env, person(step.user), password)
      people[step.user] = { ...person(step.user), password }
      return
    }
    case 'rotate':
      await admin(env, 'key', 'rotate', '--now', '--purpose', 'access_token', ...(step.revoke ? ['--revoke'] : []))
      return
    case 'restart': {
      const index = step.process === 0 ? 0 : 1
      await servers[index].stop(step.hard ? 'SIGKILL' : 'SIGTERM')
      servers[index] = await startServer(env, 'ignore')
    }
  }
}

async function operator(what: number, one: Issued | undefined): Promise<void> {
  const claims = one && (await read(one)).claims
  const targets = [
    ['--all'],
    ['--client', app.id],
    ['--client', service.id],
    ['--api', apis[0].identifier],
    ['--user', people[0]?.username ?? ''],
    ...(claims ? [['--jti', claims.jti]] : []),
  ]
  // There may be nothing of the kind: then it says so.
  await script(env, 'admin', ['revoke', ...(targets[what % targets.length] ?? []), '--json'])
}

/** As the API has it after it took the seal off. */
async function read({ token, api }: Issued) {
  const { inner } = await unseal(token, api.privateJwk)
  const [header = '', payload = ''] = inner.split('.')
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  return { claims: decode(payload) as AccessTokenClaims, kid: decode(header).kid as string }
}

/** What one process says in four ways of each token: may it be used? */
async function saidBy(process: number, issued: readonly Issued[]) {
  const issuer = at(process)
  const [list, bits] = [new Map<string, { r?: number }>(), new Map<string, Buffer>()]
  for (let since: string | undefined, more = true; more; ) {
    const page = (await issuer.list(apis[0], since)) as Awaited<ReturnType<Issuer['list']>> & { more?: boolean }
    for (const { d, r } of page.entries) {
      const known = list.get(d)
      // The highest of several of one kind and value counts.
      if (!known || (r ?? Infinity) > (known.r ?? Infinity)) list.set(d, r === undefined ? {} : { r })
    }
    since = page.cursor
    more = page.more === true
  }
  const keys = createLocalJWKSet(await issuer.keys())
  const statusOf = async (uri: string, idx: number) => {
    const response = await fetch(uri.replace(issuer.issuer, issuer.url))
    const { payload } = await jwtVerify(await response.text(), keys, { typ: 'statuslist+jwt', subject: uri })
    const { lst } = payload['status_list'] as { lst: string }
    const bytes = bits.get(uri) ?? inflateSync(Buffer.from(lst, 'base64url'))
    bits.set(uri, bytes)
    return ((bytes[idx >> 3] ?? 0xff) >> (idx & 7)) & 1
  }
  const said = []
  for (const one of issued) {
    const { claims, kid } = await read(one)
    const status = claims.status?.status_list
    if (!status) throw new Error('A token has no place in a status list.')
    said.push({
      jti: claims.jti,
      introspection: (await issuer.introspect(one.api, one.token))['active'],
      list: (await statusOf(status.uri, status.idx)) === 0,
      feed: !isRevoked(revocationKeys(claims, kid), (digest) => list.get(digest)),
      sdk: await isLetIn(process, one),
    })
  }
  return said
}

it('introspection, status list, feed and SDK at two processes agree on every token, whatever happened', async () => {
  const [alive, dead] = [new Set<string>(), new Set<string>()]
  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 6, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(batches, async (history) => {
      const so: History = { issued: [], changes: 0 }
      await Promise.all(([0, 1] as const).map((one) => take({ do: 'login', process: one, user: one, api: 0 }, so)))
      // Steps of a batch race each other.
      for (const batch of history) await Promise.all(batch.map((one) => take(one, so)))
      await wait(MAX_STALENESS * 1000)
      const [one, two] = [await saidBy(0, so.issued), await saidBy(1, so.issued)]
      expect(one).toEqual(two)
      const voices = ({ introspection, list, feed, sdk }: (typeof one)[number]) =>
        new Set([introspection, list, feed, sdk])
      expect(one.filter((each) => voices(each).size !== 1)).toEqual([])
      const places = await Promise.all(so.issued.map(async (each) => (await read(each)).claims.status?.status_list))
      expect(new Set(places.map((place) => JSON.stringify(place))).size).toBe(so.issued.length)
      for (const { jti, list } of one) (list ? alive : dead).add(jti)
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  // Otherwise nothing was put to the test.
  expect(alive.size).toBeGreaterThan(5)
  expect(dead.size).toBeGreaterThan(5)
}, 300_000)
