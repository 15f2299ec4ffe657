import type { Pool } from 'pg'
import type { UserProfiles } from '../oauth/browser-ports.js'
import { isUuid } from './text.js'

type Row = {
  id: string
  username: string
  name: string | null
  email: string | null
  verified: boolean
  claims: Record<string, unknown>
  updated_at: Date
}

const FIND = {
  name: 'user_profiles_find',
  text: `
    SELECT id, username, name, email, email_verified_at IS NOT NULL AS verified, claims, updated_at FROM users
     WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL AND deleted_at IS NULL`,
}

/** Who users are, from Postgres. */
export function createUserProfiles({ pool }: { pool: Pick<Pool, 'query'> }): UserProfiles {
  return {
    async find(tenantId, userId) {
      if (!isUuid(userId)) return undefined
      const { rows } = await pool.query<Row>({ ...FIND, values: [tenantId, userId] })
      const [row] = rows
      return (
        row && {
          id: row.id,
          username: row.username,
          name: row.name ?? undefined,
          email: row.email ?? undefined,
          emailVerified: row.verified,
          claims: row.claims,
          updatedAt: row.updated_at,
        }
      )
    },
  }
}
