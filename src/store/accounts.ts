import type { Pool } from 'pg'
import type { Accounts, Permission } from '../oauth/ending-ports.js'

type SessionRow = {
  id: string
  created_at: Date
  used_at: Date
  user_agent: string | null
  address: string | null
}

type AppRow = {
  id: string
  name: string
  verified: boolean
  since: Date
  used_at: Date | null
  scope: string[]
  permissions: { api: string; scope: string; description: string | null }[]
}

const SESSIONS = {
  name: 'accounts_sessions',
  text: `
    SELECT s.id, s.created_at, s.used_at, s.user_agent, s.address
      FROM sessions s JOIN tenants t ON t.id = s.tenant_id
     WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.revision >= t.revoked_revision
       AND least(s.expires_at, s.used_at + make_interval(secs => s.idle)) > statement_timestamp()
     ORDER BY s.created_at DESC, s.id DESC LIMIT 100`,
}

// What a client may do is what its live grants say, and what it would be given without a question. Under the empty id stands what
// concerns who the user is.
const APPS = {
  name: 'accounts_apps',
  text: `
    WITH live AS MATERIALIZED (
      SELECT g.client_id, g.scope, g.apis, g.created_at, g.refreshed_at
        FROM grants g JOIN tenants t ON t.id = g.tenant_id JOIN clients c ON c.tenant_id = $1 AND c.id = g.client_id
       WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.revoked_at IS NULL
         AND g.revision >= greatest(c.revoked_revision, t.revoked_revision)
         AND least(g.expires_at, g.refreshed_at + make_interval(secs => g.idle)) > statement_timestamp()
    ), given AS MATERIALIZED (
      SELECT client_id, api_id, scope, created_at FROM consents WHERE tenant_id = $1 AND user_id = $2
    ), apps AS (
      SELECT client_id, min(created_at) AS since, max(used_at) AS used_at
        FROM (SELECT client_id, created_at, refreshed_at AS used_at FROM live
              UNION ALL SELECT client_id, created_at, NULL FROM given) AS had
       GROUP BY client_id
    )
    SELECT c.id, c.name, c.verified OR c.first_party AS verified, apps.since, apps.used_at,
           ARRAY(SELECT unnest(scope) FROM live WHERE client_id = c.id
                 UNION SELECT unnest(scope) FROM given WHERE client_id = c.id AND api_id = '' ORDER BY 1) AS scope,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('api', a.name, 'scope', s.name, 'description', s.description)
                                      ORDER BY a.name, a.id, s.name), '[]')
              FROM api_scopes s JOIN apis a ON a.tenant_id = s.tenant_id AND a.id = s.api_id
             WHERE s.tenant_id = $1 AND a.deleted_at IS NULL
               AND (EXISTS (SELECT FROM live l WHERE l.client_id = c.id AND s.api_id = ANY (l.apis) AND s.name = ANY (l.scope))
                    OR EXISTS (SELECT FROM given d WHERE d.client_id = c.id AND d.api_id = s.api_id AND s.name = ANY (d.scope)))
           ) AS permissions
      FROM apps JOIN clients c ON c.tenant_id = $1 AND c.id = apps.client_id AND c.deleted_at IS NULL
     ORDER BY apps.used_at DESC NULLS LAST, apps.since DESC, c.id LIMIT 100`,
}

/** What a person is shown of their own: never anybody else's, so both are asked by tenant and user. */
export function createAccounts({ pool }: { pool: Pick<Pool, 'query'> }): Accounts {
  return {
    async sessions(tenantId, userId) {
      const { rows } = await pool.query<SessionRow>({ ...SESSIONS, values: [tenantId, userId] })
      return rows.map((row) => ({
        id: row.id,
        createdAt: row.created_at,
        usedAt: row.used_at,
        userAgent: row.user_agent ?? undefined,
        address: row.address ?? undefined,
      }))
    },
    async apps(tenantId, userId) {
      const { rows } = await pool.query<AppRow>({ ...APPS, values: [tenantId, userId] })
      return rows.map((row) => ({
        clientId: row.id,
        name: row.name,
        verified: row.verified,
        since: row.since,
        usedAt: row.used_at ?? undefined,
        scope: row.scope,
        permissions: row.permissions.map(toPermission),
      }))
    },
  }
}

const toPermission = ({ description, ...permission }: AppRow['permissions'][number]): Permission => ({
  ...permission,
  description: description ?? undefined,
})
