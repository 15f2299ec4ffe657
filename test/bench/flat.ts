import { randomInt } from 'node:crypto'
import { createOperatorRevocations } from '../../src/store/registry/revocations.js'
import { withCpuOf } from './children.js'
import type { Contest, Contestant } from './contest.js'
import { APPS, clientOf, FILL_PASSWORD, usernameOf } from './fill.js'
import { evict, type Filled, type Sampled, sampleGrants } from './filled.js'
import { hold, inTurn, refreshing, refreshOf } from './held.js'
import {
  type Answer,
  basic,
  type Exchange,
  FORM,
  JSON_BODY,
  once,
  openConnection,
  overHttp,
  post,
  success,
} from './http-load.js'
import { refreshTokenOf } from './login.js'
import { CONNECTIONS } from './stage.js'
import { clientCredentials } from './token.js'

/** What is done to grants one after the other, and which of those sampled it is done to. */
type Shares = Readonly<Record<'refreshed' | 'introspected' | 'revoked', readonly Sampled[]>>

/** What is done to a database, whatever it holds; each is held against the same of another. */
export type Work = Readonly<Record<string, Contestant>>

/** As many of each as the small database has enough of. */
const SHARES = { refreshed: 6_000, introspected: 500, revoked: 2_000 } as const
/** Clients that a process asks Postgres about once, and then knows. */
const KNOWN_CLIENTS = 50
const GRANTS_A_TURN = 120
const USERS_A_TURN = 50

/** `rich`: of a database with so many grants that none need be refreshed twice. */
export async function workOf(filled: Filled, { rich }: { rich: boolean }): Promise<Work> {
  const { server, issuer } = filled
  const measured = (exchanges: readonly Exchange[]) => withCpuOf(server.process.pid, freshly(server.url, exchanges))
  const everywhere = (exchange: () => Exchange) => measured(Array.from({ length: CONNECTIONS }, exchange))
  const { refreshed, introspected, revoked } = await takeShares(filled, rich ? 5 : 1)
  const refresh = measured(await refreshes(filled, refreshed))
  return {
    'tokens of 50 clients': everywhere(() => tokens(filled, KNOWN_CLIENTS)),
    'tokens of any client': everywhere(() => tokens(filled, Number.POSITIVE_INFINITY)),
    'refresh of any grant': refresh,
    'the same, page cache empty': async (milliseconds) => {
      await evict(filled)
      return refresh(milliseconds)
    },
    'introspection under any grant': measured(await introspections(filled, introspected)),
    'sign-in of any user': everywhere(() => signIns(filled)),
    JWKS: everywhere(() => reading(`${issuer}/jwks`)),
    metadata: everywhere(() => reading(`${issuer}/.well-known/openid-configuration`)),
    'revocation of a grant': await revocations(filled, revoked),
    'revocation of a user, ten grants each': userRevocations(filled),
  }
}

const FIXED = new Set(['revocation of a grant', 'revocation of a user, ten grants each'])
/** What a process can't have known before, and what a disk is asked for, is as slow as it is. */
export const UNJUDGED = new Set(['tokens of any client', 'the same, page cache empty'])

/** Each work of the one beside that of the other. */
export const contests = (small: Work, large: Work, { quick }: { quick: boolean }): Contest[] =>
  Object.entries(large).flatMap(([what, ours]) => {
    const limit = small[what]
    const turn = quick ? 250 : 700
    return limit ? [{ what, ours, limits: { small: limit }, turn, warmUp: FIXED.has(what) ? 0 : 3 * turn }] : []
  })

async function takeShares(filled: Filled, factor: number): Promise<Shares> {
  const sizes = { ...SHARES, refreshed: SHARES.refreshed * factor }
  const all = await sampleGrants(filled, sizes.refreshed + sizes.introspected + sizes.revoked)
  return {
    refreshed: all.splice(0, sizes.refreshed),
    introspected: all.splice(0, sizes.introspected),
    revoked: all,
  }
}

/** Over new connections in each turn: a server ends those that wait long for theirs. */
const freshly =
  (url: string, exchanges: readonly Exchange[]): Contestant =>
  async (milliseconds) =>
    (await overHttp(url, exchanges))(milliseconds)

/** A part for each connection. */
const dealt = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: CONNECTIONS }, (_, n) => all.filter((_, place) => place % CONNECTIONS === n))

function tokens({ server, size }: Filled, known: number): Exchange {
  const services = Math.min(known, size.clients - APPS)
  return {
    request: () => clientCredentials({ server, service: clientOf(APPS + randomInt(services)) }),
    accept: success,
  }
}

/** Each connection goes through its grants in turn, and begins again with their next refresh tokens. */
async function refreshes(filled: Filled, grants: readonly Sampled[]): Promise<Exchange[]> {
  return dealt(await hold(filled, grants)).map((share) => refreshing(filled.server.url, inTurn(share)))
}

async function introspections(filled: Filled, grants: readonly Sampled[]): Promise<Exchange[]> {
  const { server, api } = filled
  const asked: string[] = []
  for (const held of await hold(filled, grants)) {
    const { access_token: token } = success(await once(refreshOf(server.url, held), server.url))
    asked.push(post(`${server.url}/oauth2/introspect`, `token=${token}`, { ...FORM, ...basic(api.id, api.secret) }))
  }
  return dealt(asked).map((share) => ({ request: inTurn(share), accept: assertActive }))
}

function assertActive(answer: Answer): void {
  if (success(answer)['active'] !== true) throw new Error(`A live token introspects as:\n${answer.body}`)
}

function signIns({ server, size }: Filled): Exchange {
  return {
    request() {
      const username = usernameOf(randomInt(size.users))
      const body = JSON.stringify({ client_id: clientOf(randomInt(APPS)).id, username, password: FILL_PASSWORD })
      const address = `203.0.${randomInt(256)}.${randomInt(256)}`
      return post(`${server.url}/auth/login`, body, { ...JSON_BODY, 'x-forwarded-for': address })
    },
    accept: (answer) => void refreshTokenOf(answer),
  }
}

function reading(url: string): Exchange {
  const { host, pathname } = new URL(url)
  const request = `GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`
  return { request: () => request, accept: success }
}

/** What there is only so much of: a number in a turn, however long that takes. */
function atMost(count: number, works: readonly (() => Promise<unknown>)[]): Contestant {
  return async () => {
    let left = count
    const began = performance.now()
    await Promise.all(
      works.map(async (work) => {
        while (left-- > 0) await work()
      }),
    )
    return { count, clock: (performance.now() - began) / 1000 }
  }
}

async function revocations(filled: Filled, grants: readonly Sampled[]): Promise<Contestant> {
  const { url } = filled.server
  const next = inTurn(await hold(filled, grants))
  const one = async () => {
    const send = await openConnection(url)
    return async () => {
      const { clientId, token } = next()
      const { status, body } = await send(post(`${url}/oauth2/revoke`, `client_id=${clientId}&token=${token}`, FORM))
      if (status !== 200) throw new Error(`A revocation is answered ${status}:\n${body}`)
    }
  }
  return async (milliseconds) => {
    const works = await Promise.all(Array.from({ length: CONNECTIONS }, one))
    return atMost(GRANTS_A_TURN, works)(milliseconds)
  }
}

/** The last of all: what is left of a user's grants is good for nothing else. */
function userRevocations({ prisma, pool, tenantId, size }: Filled): Contestant {
  const operator = createOperatorRevocations(prisma)
  let n = randomInt(size.users)
  const revoke = async () => {
    // A step that shares nothing with any of the sizes: no user comes twice.
    n = (n + 7_919) % size.users
    const { rows } = await pool.query<{ id: string }>({
      name: 'bench_user',
      text: USER,
      values: [tenantId, usernameOf(n)],
    })
    const outcome = await operator.revoke(
      tenantId,
      { kind: 'user', id: rows[0]?.id ?? '' },
      { kind: 'operator', id: 'bench' },
    )
    if (outcome !== 'revoked') throw new Error(`The revocation of a user is ${outcome}.`)
  }
  return atMost(USERS_A_TURN, Array<typeof revoke>(CONNECTIONS).fill(revoke))
}

const USER = 'SELECT id FROM users WHERE tenant_id = $1 AND username = $2'
