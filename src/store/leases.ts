import type { Pool } from 'pg'
import { randomToken } from '../crypto/secrets.js'
import type { Lease, Leases } from '../revocation/ports.js'

type Row = { id: string; number: number; first: number; size: number; wide: string }

/** Of a list's id: 22 characters that nobody guesses. */
const LIST_ID_BYTES = 16

const TAKE = {
  name: 'leases_take',
  text: 'SELECT id, number, first, size, wide FROM take_lease($1, $2, $3, $4, $5, $6, $7)',
}

const WAS_REVOKED = {
  name: 'leases_was_revoked',
  text: `
    SELECT EXISTS (
      SELECT FROM jsonb_each_text($2) AS of (kind, value), LATERAL (
        SELECT FROM revocations
         WHERE tenant_id = $1 AND digest = revocation_digest(of.kind, of.value) AND revision > $3 AND revision <= $4
         LIMIT 1
      ) AS found
    ) AS revoked`,
}

/** The leases in Postgres. draft-ietf-oauth-status-list §13.3. */
export function createLeases({ pool }: { pool: Pick<Pool, 'query'> }): Leases {
  return {
    async take(tenantId, slot, { clientId, apiId, kid, size }): Promise<Lease> {
      const values = [tenantId, slot, clientId, apiId, kid, size, randomToken(LIST_ID_BYTES)]
      const { rows } = await pool.query<Row>({ ...TAKE, values })
      const [row] = rows
      if (!row) throw new Error('A lease was asked for and none came.')
      return { listId: row.id, list: row.number, first: row.first, size: row.size, wide: Number(row.wide) }
    },
    async wasRevoked(tenantId, values, { after, upTo }) {
      const { rows } = await pool.query<{ revoked: boolean }>({
        ...WAS_REVOKED,
        values: [tenantId, values, after, upTo],
      })
      return rows[0]?.revoked !== false
    },
  }
}
