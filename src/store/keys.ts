import type { Pool, QueryResultRow } from 'pg'
import type { KeyState, KeyStore, NewKey, StoredKey, TenantSchedule } from '../keys/ports.js'
import type { Purpose } from '../keys/purpose.js'

type KeyRow = {
  id: string
  purpose: Purpose
  algorithm: string
  number: number | null
  status: KeyState['status']
  created_at: Date
  activates_at: Date
  activated_at: Date | null
  retired_at: Date | null
  revoked_at: Date | null
  expires_at: Date | null
}
type SealedRow = KeyRow & { tenant_id: string; sealed: Buffer; master_key_id: string }
type TenantRow = {
  id: string
  now: Date
  max_token_lifetime: number
  deleted_at: Date | null
  signing_algorithms: string[]
  introspection_algorithms: string[]
  id_token_algorithms: string[]
}

const STATE =
  'id, purpose, algorithm, number, status, created_at, activates_at, activated_at, retired_at, revoked_at, expires_at'
const TENANT = `
  SELECT id, clock_timestamp() AS now, max_token_lifetime, deleted_at,
         ARRAY(SELECT DISTINCT signing_algorithm FROM apis WHERE tenant_id = tenants.id AND deleted_at IS NULL ORDER BY 1) AS signing_algorithms,
         ARRAY(SELECT DISTINCT introspection_algorithm FROM apis WHERE tenant_id = tenants.id AND deleted_at IS NULL ORDER BY 1) AS introspection_algorithms,
         ARRAY(SELECT DISTINCT a.algorithm FROM clients, LATERAL (VALUES (id_token_algorithm), (userinfo_algorithm)) AS a (algorithm)
                WHERE tenant_id = tenants.id AND deleted_at IS NULL AND a.algorithm IS NOT NULL ORDER BY 1) AS id_token_algorithms
    FROM tenants`
const PAGE = 200

/** The rows of `keys`; the functions that change them stand in the migrations. */
export function createKeyStore(pool: Pick<Pool, 'query'>): KeyStore {
  const query = async <Row extends QueryResultRow>(text: string, values: unknown[] = []) =>
    (await pool.query<Row>(text, values)).rows

  /** The answer of a function that says whether it did anything. */
  const done = async (call: string, values: unknown[]) =>
    (await query<{ done: boolean }>(`SELECT ${call} AS done`, values))[0]?.done === true

  const withKeys = async (tenants: TenantRow[]): Promise<TenantSchedule[]> => {
    const rows = await query<KeyRow & { tenant_id: string }>(
      `SELECT tenant_id, ${STATE} FROM keys WHERE tenant_id = ANY ($1) ORDER BY created_at, id`,
      [tenants.map(({ id }) => id)],
    )
    const byTenant = new Map<string, KeyState[]>(tenants.map(({ id }) => [id, []]))
    for (const row of rows) byTenant.get(row.tenant_id)?.push(toState(row))
    return tenants.map((tenant) => ({
      tenantId: tenant.id,
      now: tenant.now,
      maxTokenLifetime: tenant.max_token_lifetime,
      deletedAt: tenant.deleted_at ?? undefined,
      signingAlgorithms: tenant.signing_algorithms,
      introspectionAlgorithms: tenant.introspection_algorithms,
      idTokenAlgorithms: tenant.id_token_algorithms,
      keys: byTenant.get(tenant.id) ?? [],
    }))
  }

  return {
    async load(tenantId) {
      const rows = await query<SealedRow>(
        `SELECT ${STATE}, sealed, master_key_id FROM keys WHERE tenant_id = $1 ORDER BY created_at, id`,
        [tenantId],
      )
      return rows.map(toStored)
    },

    async schedule(tenantId) {
      const [schedule] = await withKeys(await query<TenantRow>(`${TENANT} WHERE id = $1`, [tenantId]))
      return schedule
    },

    async schedules(after) {
      return withKeys(
        await query<TenantRow>(`${TENANT} WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT ${PAGE}`, [
          after ?? null,
        ]),
      )
    },

    async create(tenantId, key, by) {
      const { id, purpose, algorithm, number, publicJwk, sealed, masterKeyId } = key
      const lead = key.status === 'next' ? key.lead : 0
      const created = await done('create_key($1, $2, $3, $4, $5, $6, $7, $8, $9, make_interval(secs => $10), $11)', [
        ...[tenantId, id, purpose, algorithm, number ?? null, key.status],
        ...[publicJwk ?? null, sealed, masterKeyId, lead, by],
      ])
      return created ? 'created' : 'superseded'
    },

    async activate(tenantId, { id, atOnce, keep }, by) {
      const call = 'activate_key($1, $2, $3, make_interval(secs => $4), $5)'
      return (await done(call, [tenantId, id, atOnce, keep, by])) ? 'activated' : 'not_due'
    },

    async hasten(tenantId, { id, lead }, by) {
      const [row] = await query<{ due: Date | null }>(
        'SELECT hasten_key($1, $2, make_interval(secs => $3), $4) AS due',
        [tenantId, id, lead, by],
      )
      return row?.due ?? undefined
    },

    async replace(tenantId, { key, keep, reason }, by) {
      const [row] = await query<{ revoked: string[] }>(
        'SELECT replace_keys($1, $2, $3, $4, $5, $6, $7, make_interval(secs => $8), $9, $10) AS revoked',
        [tenantId, ...columns(key), keep, by, reason],
      )
      return row?.revoked ?? []
    },

    async destroy(tenantId, { id, keep, slack }, by) {
      const call = 'destroy_key($1, $2, make_interval(secs => $3), make_interval(secs => $4), $5)'
      return (await done(call, [tenantId, id, keep, slack, by])) ? 'destroyed' : 'needed'
    },

    async samples() {
      const rows = await query<SealedRow>(
        `SELECT DISTINCT ON (master_key_id) tenant_id, ${STATE}, sealed, master_key_id FROM keys ORDER BY master_key_id, created_at`,
      )
      return rows.map((row) => ({ ...toStored(row), tenantId: row.tenant_id }))
    },
  }
}

function columns({ id, purpose, algorithm, publicJwk, sealed, masterKeyId }: NewKey): unknown[] {
  return [id, purpose, algorithm, publicJwk, sealed, masterKeyId]
}

function toState(row: KeyRow): KeyState {
  return {
    id: row.id,
    purpose: row.purpose,
    algorithm: row.algorithm,
    number: row.number ?? undefined,
    status: row.status,
    createdAt: row.created_at,
    activatesAt: row.activates_at,
    activatedAt: row.activated_at ?? undefined,
    retiredAt: row.retired_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
  }
}

function toStored(row: SealedRow): StoredKey {
  return { ...toState(row), sealed: row.sealed, masterKeyId: row.master_key_id }
}
