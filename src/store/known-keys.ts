import type { Pool } from 'pg'
import type { KnownKey } from '../keys/known-keys.js'
import type { KnownKeys } from '../oauth/ports.js'

// APIs read the list every few seconds. Rows in key order, as whoever changes keys locks them.
const NOTE = {
  name: 'known_keys_note',
  text: `INSERT INTO api_known_keys AS known (tenant_id, api_id, kid, seen_at)
         SELECT tenant_id, $2, id, clock_timestamp() FROM keys
          WHERE tenant_id = $1 AND id = ANY ($3) AND purpose = 'access_token' AND revoked_at IS NULL
            AND NOT EXISTS (SELECT FROM api_known_keys AS fresh WHERE fresh.tenant_id = $1 AND fresh.api_id = $2 AND fresh.kid = keys.id
                               AND fresh.seen_at > clock_timestamp() - interval '1 hour')
          ORDER BY id
         ON CONFLICT (tenant_id, api_id, kid) DO UPDATE SET seen_at = greatest(known.seen_at, excluded.seen_at)`,
}

/** What APIs say they hold. One statement, which writes when it is new or was last written an hour ago. */
export function createKnownKeys(pool: Pick<Pool, 'query'>): KnownKeys & {
  /** What the tenant's live APIs have told, by their identifiers. */
  list(tenantId: string): Promise<readonly KnownKey[]>
} {
  return {
    async note({ tenantId, id }, kids) {
      await pool.query({ ...NOTE, values: [tenantId, id, kids] })
    },

    async list(tenantId) {
      const { rows } = await pool.query<{ kid: string; identifier: string }>(
        `SELECT kid, identifier FROM api_known_keys AS known JOIN apis ON apis.tenant_id = known.tenant_id AND apis.id = known.api_id
          WHERE known.tenant_id = $1 AND deleted_at IS NULL AND disabled_at IS NULL ORDER BY identifier, kid`,
        [tenantId],
      )
      return rows.map(({ kid, identifier }) => ({ kid, api: identifier }))
    },
  }
}
