import type { Pool } from 'pg'
import type { Endings } from '../oauth/ending-ports.js'
import { isStorable, isUuid } from './text.js'

// Whose a session is never changes: the guard stands beside the function. Who is told by the browser is read in the snapshot before it.
const END_SESSION = {
  name: 'endings_end_session',
  text: `
    WITH told AS MATERIALIZED (
      SELECT DISTINCT c.frontchannel_logout_uri AS uri
        FROM grants g JOIN clients c ON c.tenant_id = $1 AND c.id = g.client_id
       WHERE g.tenant_id = $1 AND g.session_id = $2 AND c.frontchannel_logout_uri IS NOT NULL AND c.deleted_at IS NULL
       ORDER BY uri
    )
    SELECT end_session($1, s.id, $4, $5) IS NOT NULL AS ended, ARRAY(SELECT uri FROM told) AS uris
      FROM sessions s WHERE s.tenant_id = $1 AND s.month = month_of_id($2) AND s.id = $2 AND s.user_id = $3`,
}

const END_OTHERS = {
  name: 'endings_end_others',
  text: `
    SELECT end_sessions($1, ARRAY(
      SELECT id FROM sessions WHERE tenant_id = $1 AND user_id = $3 AND id <> $2 AND revoked_at IS NULL
    ), $4, $5) IS NOT NULL AS ended`,
}

const END_ACCESS = { name: 'endings_end_access', text: 'SELECT end_access($1, $2, $3, $4, $5) AS ended' }

/** How sessions and access end in Postgres, one statement each. */
export function createEndings({ pool }: { pool: Pick<Pool, 'query'> }): Endings {
  return {
    async endSession(tenantId, { id, userId }, { by, reason }) {
      if (!isUuid(id) || !isUuid(userId)) return { result: 'nothing' }
      const values = [tenantId, id, userId, by, reason]
      const { rows } = await pool.query<{ ended: boolean; uris: string[] }>({ ...END_SESSION, values })
      const [row] = rows
      return row?.ended ? { result: 'ended', frontchannelLogoutUris: row.uris } : { result: 'nothing' }
    },
    async endOtherSessions(tenantId, { id, userId }, { by, reason }) {
      if (!isUuid(id) || !isUuid(userId)) return 'nothing'
      const values = [tenantId, id, userId, by, reason]
      const { rows } = await pool.query<{ ended: boolean }>({ ...END_OTHERS, values })
      return rows[0]?.ended ? 'ended' : 'nothing'
    },
    async endAccess(tenantId, { userId, clientId }, { by, reason }) {
      if (!isUuid(userId) || !isStorable(clientId)) return 'nothing'
      const values = [tenantId, userId, clientId, by, reason]
      const { rows } = await pool.query<{ ended: boolean }>({ ...END_ACCESS, values })
      return rows[0]?.ended ? 'ended' : 'nothing'
    },
  }
}
