import { createEnvelope } from '../../src/crypto/envelope.js'
import { createKeyring } from '../../src/keys/keyring.js'
import { createRefreshTokens } from '../../src/keys/refresh-tokens.js'
import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import { createKeyStore } from '../../src/store/keys.js'
import { silent } from '../../src/store/log.js'
import { newPlace } from '../support/mint.js'
import type { Stage } from './stage.js'

/** How often a grant is refreshed before the next takes its turn: it may have 64 live access tokens, the first included. */
export const REFRESHES = 60

type Owner = Pick<Stage, 'pool' | 'tenantId' | 'app' | 'api' | 'userIds'>

/** Grants of the users in turn, made in the store: a sign-in for each would take longer than the rest of the benchmark. */
export async function newGrants({ pool, tenantId, app, api, userIds }: Owner, count: number): Promise<Grant[]> {
  const { make } = createGrants({ pool })
  const plan = {
    tenantId,
    credentialVersion: 1,
    clientId: app.id,
    scope: ['orders:read', 'orders:write'],
    apis: [api.id],
  }
  const life = {
    authTime: new Date(),
    amr: ['pwd'],
    acr: undefined,
    rotate: true,
    idleLifetime: 604_800,
    lifetime: 2_592_000,
  }
  const one = async (n: number): Promise<Grant> => {
    const userId = userIds[n % userIds.length] ?? ''
    const made = await make({ ...plan, ...life, userId, rev: 0, wide: 0, place: newPlace() }, { kind: 'system' })
    if (made.result !== 'made') throw new Error(`The grant is ${made.result}.`)
    return made.grant
  }
  const grants: Grant[] = []
  // As many at a time as the pool hands to Postgres soon enough.
  while (grants.length < count) {
    const some = Array.from({ length: Math.min(AT_A_TIME, count - grants.length) }, (_, n) => one(grants.length + n))
    grants.push(...(await Promise.all(some)))
  }
  return grants
}

const AT_A_TIME = 200

/** What a refresh token is made from. */
export type RefreshableGrant = Pick<Grant, 'tenantId' | 'id' | 'secret' | 'generation'>

/** Their present refresh tokens, as the server writes them. */
export function refreshTokensOf(
  grants: readonly RefreshableGrant[],
  { pool, masterKey }: Pick<Stage, 'pool' | 'masterKey'>,
) {
  let loaded: Promise<unknown> | undefined
  const keyring = createKeyring({
    keys: createKeyStore(pool),
    envelope: createEnvelope(masterKey),
    // All keys are loaded once.
    remember: <T>(_: unknown, load: () => Promise<T | undefined>) => {
      loaded ??= load()
      return loaded as Promise<T | undefined>
    },
    ensure: async () => {
      throw new Error('The server has no key for refresh tokens.')
    },
    log: silent,
    now: () => Date.now() / 1000,
  })
  const { issue } = createRefreshTokens({ keyring })
  return Promise.all(grants.map((grant) => issue(grant, grant.generation)))
}
