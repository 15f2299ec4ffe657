import { createEnvelope } from '../../src/crypto/envelope.js'
import { uuidToBase64url } from '../../src/crypto/uuid.js'
import { openRotation } from '../../src/deps.js'
import type { Actor, Grant } from '../../src/oauth/records.js'
import { silent } from '../../src/store/log.js'
import { createOperatorRevocations, type Target } from '../../src/store/registry/revocations.js'
import { entryDigest, type RevocationKind } from '../../src/wire/revocation-list.js'
import { makeApi, makeClient, makeSession, makeUser } from '../support/fixtures.js'
import { type Issuer, issuerAt, tokensOf, unseal } from '../support/issuer.js'
import { newGrants, refreshTokensOf } from './grants.js'
import type { Stage } from './stage.js'

/** What was ended, as the feed calls it, and when whoever ended it was told that it is, by `performance.now()`. */
export type Revoked = { readonly digest: string; readonly at: number }

/** Ends something it has just made. */
type Revoke = (at: Issuer, n: number) => Promise<Revoked>

const OPERATOR: Actor = { kind: 'operator', id: 'bench' }

/** Ends a token that a client was just given, over HTTP. */
export async function revokeToken({ service, api }: Pick<Stage, 'service' | 'api'>, at: Issuer): Promise<Revoked> {
  const { access_token } = tokensOf(await at.clientCredentials(service))
  const { inner } = await unseal(access_token, api.privateJwk as Parameters<typeof unseal>[1])
  const { jti } = JSON.parse(Buffer.from(inner.split('.')[1] ?? '', 'base64url').toString())
  const { status } = await at.revoke(service, access_token)
  if (status !== 200) throw new Error(`The revocation of a token is answered ${status}.`)
  return { digest: entryDigest('jti', jti), at: performance.now() }
}

type Store = Pick<Stage, 'pool' | 'tenantId'>

/** Ends a token in Postgres, past every server: far more a second than they could be asked for. */
export async function revokeStored({ pool, tenantId }: Store, jti: string): Promise<Revoked> {
  const text = `SELECT digest FROM revoke_token($1, $2, '{"kind":"system"}', '{}') AS r, revocation_digest('jti', $2) AS digest`
  const { rows } = await pool.query({ name: 'bench_revoke', text, values: [tenantId, jti] })
  return { digest: rows[0].digest, at: performance.now() }
}

/** `narrow`: what ends no more than it is about, by kind. `wide`: what ends all that others use too. */
function revokers(stage: Stage, grants: readonly Grant[], refreshTokens: readonly string[]) {
  const { pool, prisma, tenantId, app, config, masterKey, issuer } = stage
  const operator = createOperatorRevocations(prisma)
  const rotation = openRotation(config, { pool, envelope: createEnvelope(masterKey), log: silent })

  const told = (kind: RevocationKind, value: string): Revoked => ({
    digest: entryDigest(kind, value),
    at: performance.now(),
  })

  async function byOperator(target: Target, kind: RevocationKind, value: string): Promise<Revoked> {
    if ((await operator.revoke(tenantId, target, OPERATOR)) !== 'revoked')
      throw new Error(`No ${target.kind} to revoke.`)
    return told(kind, value)
  }

  const grantOf = (n: number) => {
    const [grant, token] = [grants[n], refreshTokens[n]]
    if (!grant || !token) throw new Error('There are no more grants to revoke.')
    return { value: uuidToBase64url(grant.id), token }
  }

  const token: Revoke = (at) => revokeToken(stage, at)
  const grant: Revoke = async (at, n) => {
    const { value, token } = grantOf(n)
    const { status } = await at.revoke(app, token)
    if (status !== 200) throw new Error(`The revocation of a refresh token is answered ${status}.`)
    return told('grant', value)
  }
  const logout: Revoke = async (at, n) => {
    const { value, token } = grantOf(n)
    const { status } = await at.logout(app, { refresh_token: token })
    if (status >= 300) throw new Error(`A logout is answered ${status}.`)
    return told('grant', value)
  }
  const session: Revoke = async () => {
    const user = await makeUser(pool, tenantId)
    const id = await makeSession(pool, { tenant: { id: tenantId }, user } as Parameters<typeof makeSession>[1])
    return byOperator({ kind: 'session', id }, 'sid', uuidToBase64url(id))
  }
  const user: Revoke = async () => {
    const { id } = await makeUser(pool, tenantId)
    await newGrants({ ...stage, userIds: [id] }, 1)
    return byOperator({ kind: 'user', id }, 'sub', id)
  }
  const client: Revoke = async () => {
    const { id } = await makeClient(pool, tenantId)
    return byOperator({ kind: 'client', id }, 'client', id)
  }
  const audience: Revoke = async () => {
    const { id, identifier } = await makeApi(pool, tenantId)
    return byOperator({ kind: 'api', id }, 'aud', identifier)
  }
  const key = async () => {
    const request = { purpose: 'access_token', now: true, revoke: true } as const
    const [rotated] = await rotation.rotate(tenantId, request, OPERATOR)
    return told('kid', rotated?.revoked[0] ?? '')
  }
  const tenant = () => byOperator({ kind: 'tenant', issuer }, 'tenant', issuer)

  return { narrow: { token, grant, logout, session, user, client, audience }, wide: [key, tenant] }
}

type Kind = 'token' | 'grant' | 'logout' | 'session' | 'user' | 'client' | 'audience'

/** Of a hundred revocations, so many of each kind. */
const SHARES: readonly (readonly [Kind, number])[] = [
  ['token', 50],
  ['grant', 14],
  ['logout', 12],
  ['session', 6],
  ['user', 6],
  ['client', 6],
  ['audience', 6],
]
const HUNDRED = SHARES.flatMap(([kind, share]) => Array<Kind>(share).fill(kind))
// Prime to a hundred: all of them come, and mixed.
const STEP = 37

/** So many revocations at the servers in turn, some at a time, the widest last. Answers with what was ended. */
export async function revokeAll(stage: Stage, urls: readonly string[], count: number): Promise<Revoked[]> {
  const grants = await newGrants(stage, count)
  const { narrow, wide } = revokers(stage, grants, await refreshTokensOf(grants, stage))
  const issuers = urls.map((url) => issuerAt(url, stage.issuer))
  const revoked: Revoked[] = []
  let next = 0
  const worker = async () => {
    for (let n = next++; n < count; n = next++) {
      const [at, kind] = [issuers[n % issuers.length], HUNDRED[(n * STEP) % HUNDRED.length]]
      if (at && kind) revoked.push(await narrow[kind](at, n))
    }
  }
  await Promise.all([1, 2, 3, 4].map(worker))
  for (const revoke of [...wide, ...wide]) revoked.push(await revoke())
  return revoked
}
