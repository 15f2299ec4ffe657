import type { Pool } from 'pg'
import type { ApiKeySource, ApiKeyStore } from '../keys/api-keys.js'

type Row = {
  tenant_id: string
  id: string
  identifier: string
  jwks_uri: string
  encryption_algorithm: ApiKeySource['encryptionAlgorithm']
  jwks_checked_at: Date
}

// A claim is recognised by its time: in whole milliseconds, as a Date holds it, and later than any claim before.
const CLAIM = `UPDATE apis SET jwks_checked_at =
  date_trunc('milliseconds', greatest(clock_timestamp(), jwks_checked_at + interval '1 millisecond'))`
const FETCHED = 'jwks_uri IS NOT NULL AND encryption_algorithm IS NOT NULL AND deleted_at IS NULL'
const CLAIMED = 'tenant_id, id, identifier, jwks_uri, encryption_algorithm, jwks_checked_at'
const MAX_REASON = 500

/** The encryption keys of APIs that publish them. */
export function createApiKeyStore(pool: Pick<Pool, 'query'>): ApiKeyStore {
  return {
    async claimDue(interval, limit) {
      // Whoever waits for a row claimed meanwhile finds it no longer due, in the WHERE of the UPDATE itself.
      const due = `(jwks_checked_at IS NULL OR jwks_checked_at < clock_timestamp() - make_interval(secs => $1))`
      const { rows } = await pool.query<Row>(
        `${CLAIM} WHERE ${FETCHED} AND ${due} AND (tenant_id, id) IN (
           SELECT tenant_id, id FROM apis WHERE ${FETCHED} AND ${due} ORDER BY jwks_checked_at NULLS FIRST LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
         ) RETURNING ${CLAIMED}`,
        [interval, limit],
      )
      return rows.map(toSource)
    },

    async claim(tenantId, apiId) {
      const { rows } = await pool.query<Row>(
        `${CLAIM} WHERE tenant_id = $1 AND id = $2 AND ${FETCHED} RETURNING ${CLAIMED}`,
        [tenantId, apiId],
      )
      return rows[0] && toSource(rows[0])
    },

    async keep({ tenantId, apiId, claimedAt }, jwks, by) {
      const { rows } = await pool.query<{ changed: boolean | null }>(
        'SELECT keep_api_keys($1, $2, $3, $4, $5) AS changed',
        [tenantId, apiId, claimedAt, JSON.stringify(jwks), by],
      )
      const changed = rows[0]?.changed ?? undefined
      if (changed === undefined) return 'superseded'
      return changed ? 'changed' : 'unchanged'
    },

    async failed({ tenantId, apiId, claimedAt }, reason) {
      await pool.query(
        'UPDATE apis SET jwks_error = $4 WHERE tenant_id = $1 AND id = $2 AND jwks_checked_at = $3 AND jwks_uri IS NOT NULL',
        [tenantId, apiId, claimedAt, reason.slice(0, MAX_REASON)],
      )
    },
  }
}

function toSource(row: Row): ApiKeySource {
  return {
    tenantId: row.tenant_id,
    apiId: row.id,
    identifier: row.identifier,
    jwksUri: row.jwks_uri,
    encryptionAlgorithm: row.encryption_algorithm,
    claimedAt: row.jwks_checked_at,
  }
}
