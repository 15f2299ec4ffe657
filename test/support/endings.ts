import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { insert, type World } from './fixtures.js'

/** What the tests of endings make and look at directly. */

type Queryable = Pick<pg.Pool, 'query'>

/** The grant outlives its session from now on. */
export const makeOffline = (pool: Queryable, { id }: { id: string }) =>
  pool.query('UPDATE grants SET offline = true WHERE id = $1', [id])

export const giveConsent = (pool: Queryable, { tenant, user, client, api }: World) =>
  insert(pool, 'consents', {
    tenant_id: tenant.id,
    user_id: user.id,
    client_id: client.id,
    api_id: api.id,
    scope: ['read'],
  })

/** A code that nobody has redeemed yet. */
export const insertCode = (pool: Queryable, { tenant, user, client, api }: World) =>
  insert(pool, 'authorization_codes', {
    tenant_id: tenant.id,
    day: new Date(),
    code_hash: randomBytes(32),
    client_id: client.id,
    user_id: user.id,
    credential_version: 1,
    revision: 0,
    redirect_uri: 'https://app.example/cb',
    code_challenge: 'c'.repeat(43),
    apis: [api.id],
    auth_time: new Date(),
    expires_at: new Date(Date.now() + 60_000),
  })

/** Those of these places that are in no status list as revoked. */
export async function unflipped(pool: Queryable, tenantId: string, places: readonly bigint[]): Promise<bigint[]> {
  const { rows } = await pool.query<{ p: string }>(
    `SELECT p FROM unnest($2::bigint[]) AS p WHERE NOT EXISTS (
       SELECT FROM flips WHERE tenant_id = $1 AND slot = place_slot(p) AND list = place_list(p) AND index = place_index(p))`,
    [tenantId, places],
  )
  return rows.map(({ p }) => BigInt(p))
}

export type DeliveryRow = {
  tenant_id: string
  client_id: string
  session_id: string
  user_id: string
  tries: number
  due_at: Date
}

/** Who is still to be told of a session's end. */
export async function deliveriesOf(pool: Queryable, session: string): Promise<DeliveryRow[]> {
  const { rows } = await pool.query<DeliveryRow>('SELECT * FROM logout_deliveries WHERE session_id = $1', [session])
  return rows
}
