import type { Pool } from 'pg'
import type { Users } from '../oauth/ports.js'
import { isStorable } from './text.js'

type Row = {
  revision: string
  wide_revision: string
  user_id: string | null
  credential_version: number
  disabled: boolean
  password_hash: string | null
  client_live: boolean
  live_apis: string[]
}

// The revision is read with all that it vouches for: one statement, one snapshot.
const FOR_SIGN_IN = {
  name: 'users_for_sign_in',
  text: `
    SELECT r.revision, r.wide_revision, u.id AS user_id, u.credential_version, u.disabled_at IS NOT NULL AS disabled, p.secret AS password_hash,
           t.disabled_at IS NULL AND t.deleted_at IS NULL AND ($3::text IS NULL OR EXISTS (
             SELECT FROM clients c WHERE c.tenant_id = t.id AND c.id = $3 AND c.disabled_at IS NULL AND c.deleted_at IS NULL
           )) AS client_live,
           ARRAY(SELECT a.id FROM unnest($4::text[]) WITH ORDINALITY AS asked (id, place)
                   JOIN apis a ON a.tenant_id = t.id AND a.id = asked.id AND a.disabled_at IS NULL AND a.deleted_at IS NULL
                  ORDER BY asked.place) AS live_apis
      FROM tenants t
      JOIN revisions r ON r.tenant_id = t.id
      LEFT JOIN users u ON u.tenant_id = t.id AND u.username = $2 AND u.deleted_at IS NULL
      LEFT JOIN credentials p ON p.tenant_id = t.id AND p.user_id = u.id AND p.kind = 'password' AND p.name = ''
     WHERE t.id = $1`,
}

const UPGRADE_PASSWORD = {
  name: 'users_upgrade_password',
  text: `
    UPDATE credentials SET secret = $4, updated_at = clock_timestamp()
     WHERE tenant_id = $1 AND user_id = $2 AND kind = 'password' AND name = '' AND secret = $3`,
}

/** What a sign-in asks of the users in Postgres. */
export function createUsers({ pool }: { pool: Pick<Pool, 'query'> }): Users {
  return {
    async forSignIn(tenantId, username, { clientId, apis }) {
      const values = [tenantId, isStorable(username) ? username : null, clientId ?? null, apis]
      const { rows } = await pool.query<Row>({ ...FOR_SIGN_IN, values })
      const [row] = rows
      if (!row) return { rev: 0, wide: 0, user: undefined, clientLive: false, liveApis: [] }
      return {
        rev: Number(row.revision),
        wide: Number(row.wide_revision),
        user:
          row.user_id === null
            ? undefined
            : {
                id: row.user_id,
                credentialVersion: row.credential_version,
                disabled: row.disabled,
                passwordHash: row.password_hash ?? undefined,
              },
        clientLive: row.client_live,
        liveApis: row.live_apis,
      }
    },
    async upgradePassword(tenantId, userId, { from, to }) {
      const { rowCount } = await pool.query({ ...UPGRADE_PASSWORD, values: [tenantId, userId, from, to] })
      return rowCount === 1 ? 'upgraded' : 'superseded'
    },
  }
}
