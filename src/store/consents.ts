import type { Pool } from 'pg'
import type { Consents } from '../oauth/browser-ports.js'

const FIND = {
  name: 'consents_find',
  text: 'SELECT api_id, scope FROM consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3',
}

// One statement: a row that another is adding to is waited for, and added to as it then is. By the id of the API, so that two of these
// never wait for each other.
const REMEMBER = {
  name: 'consents_remember',
  text: `
    WITH given AS (
      SELECT key AS api_id, ARRAY(SELECT jsonb_array_elements_text(value)) AS scope FROM jsonb_each($4::jsonb)
    ), kept AS (
      INSERT INTO consents AS known (tenant_id, user_id, client_id, api_id, scope, created_at, updated_at)
      SELECT $1, $2, $3, api_id, scope, statement_timestamp(), statement_timestamp() FROM given ORDER BY api_id
      ON CONFLICT (tenant_id, user_id, client_id, api_id) DO UPDATE SET
        scope = known.scope || ARRAY(SELECT s FROM unnest(excluded.scope) AS s WHERE s <> ALL (known.scope)),
        updated_at = statement_timestamp()
    )
    INSERT INTO audit_events (tenant_id, month, type, actor, subject, detail)
    VALUES ($1, month_of(statement_timestamp()), 'consent.given', $5, jsonb_build_object('user', $2::uuid, 'client', $3::text),
            jsonb_build_object('scopes', $4::jsonb))`,
}

/** What users allowed clients, in Postgres. Throws for a user or a client that was never there. */
export function createConsents({ pool }: { pool: Pick<Pool, 'query'> }): Consents {
  return {
    async find(tenantId, { userId, clientId }) {
      const values = [tenantId, userId, clientId]
      const { rows } = await pool.query<{ api_id: string; scope: string[] }>({ ...FIND, values })
      return new Map(rows.map(({ api_id, scope }) => [api_id, scope]))
    },

    async remember(tenantId, { userId, clientId, scopes }, by) {
      const given = Object.fromEntries([...scopes].map(([api, names]) => [api, [...new Set(names)]]))
      await pool.query({ ...REMEMBER, values: [tenantId, userId, clientId, JSON.stringify(given), by] })
    },
  }
}
