import type { Pool } from 'pg'
import type { LogoutDeliveries, LogoutDelivery } from '../oauth/ending-ports.js'

type Row = { tenant_id: string; slug: string; session_id: string; client_id: string; user_id: string; tries: number }

// Whoever waits for a row claimed meanwhile finds it no longer due, in the WHERE of the UPDATE itself. A claim is told from the next
// one by the number of tries.
const CLAIM = {
  name: 'logout_deliveries_claim',
  text: `
    UPDATE logout_deliveries AS d SET tries = tries + 1, due_at = clock_timestamp() + make_interval(secs => $1)
      FROM (SELECT tenant_id, session_id, client_id FROM logout_deliveries
             WHERE due_at <= clock_timestamp() AND client_id <> ALL ($3::text[]) ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS o,
           tenants t
     WHERE d.tenant_id = o.tenant_id AND d.session_id = o.session_id AND d.client_id = o.client_id AND d.due_at <= clock_timestamp()
       AND t.id = d.tenant_id
    RETURNING d.tenant_id, t.slug, d.session_id, d.client_id, d.user_id, d.tries`,
}

const DONE = {
  name: 'logout_deliveries_done',
  text: 'DELETE FROM logout_deliveries WHERE tenant_id = $1 AND session_id = $2 AND client_id = $3 AND tries = $4',
}

const LATER = {
  name: 'logout_deliveries_later',
  text: `
    WITH late AS (
      DELETE FROM logout_deliveries
       WHERE tenant_id = $1 AND session_id = $2 AND client_id = $3 AND tries = $4
         AND created_at + make_interval(secs => $6) <= statement_timestamp() + make_interval(secs => $5)
      RETURNING 'given_up' AS result
    ), later AS (
      UPDATE logout_deliveries SET due_at = statement_timestamp() + make_interval(secs => $5)
       WHERE tenant_id = $1 AND session_id = $2 AND client_id = $3 AND tries = $4
         AND created_at + make_interval(secs => $6) > statement_timestamp() + make_interval(secs => $5)
      RETURNING 'postponed' AS result
    )
    SELECT result FROM late UNION ALL SELECT result FROM later`,
}

/** Who is still to be told of a session that is over. One statement each. */
export function createLogoutDeliveries({ pool }: { pool: Pick<Pool, 'query'> }): LogoutDeliveries {
  return {
    async claim({ lease, limit, busy }) {
      const { rows } = await pool.query<Row>({ ...CLAIM, values: [lease, limit, busy] })
      return rows.map(toDelivery)
    },
    async done(delivery) {
      await pool.query({ ...DONE, values: keyOf(delivery) })
    },
    async later(delivery, { pause, keep }) {
      const values = [...keyOf(delivery), pause, keep]
      const { rows } = await pool.query<{ result: 'given_up' | 'postponed' }>({ ...LATER, values })
      return rows[0]?.result ?? 'superseded'
    },
  }
}

const keyOf = ({ tenantId, sessionId, clientId, tries }: LogoutDelivery) => [tenantId, sessionId, clientId, tries]

const toDelivery = (row: Row): LogoutDelivery => ({
  tenantId: row.tenant_id,
  tenant: row.slug,
  sessionId: row.session_id,
  clientId: row.client_id,
  userId: row.user_id,
  tries: row.tries,
})
