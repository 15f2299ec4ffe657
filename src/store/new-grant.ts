import type { ClaimsRequest, Grant } from '../oauth/records.js'

/** A grant as it was written or found. */
export type GrantRow = {
  tenant_id: string
  id: string
  user_id: string
  client_id: string
  session_id: string | null
  secret: Buffer
  scope: string[]
  apis: string[]
  acr: string | null
  amr: string[]
  auth_time: Date
  claims: ClaimsRequest | null
  generation: number
  created_at: Date
  expires_at: Date
}

const COLUMNS = `tenant_id, id, user_id, client_id, session_id, secret, revision, scope, apis, acr, amr, auth_time, claims, offline,
             rotate, idle, live, expires_at`

/** Of the month in which it ends, as its first two bytes say. `random`: 14 bytes. */
export const grantId = (expiresAt: string, random: string) =>
  `encode(int2send(month_of(${expiresAt})) || ${random}::bytea, 'hex')::uuid`

/**
 * How a statement ends that makes a grant: inserts what its CTE `new` gives, audits the events with the actor in parameter `by`, and
 * selects it.
 */
export const insertGrant = ({ by, events }: { by: string; events: readonly string[] }) => `
    made AS (
      INSERT INTO grants (month, refreshed_at, created_at, ${COLUMNS})
      SELECT month_of_id(id), statement_timestamp(), statement_timestamp(), ${COLUMNS}
        FROM new
      RETURNING *
    ), audited AS (
      INSERT INTO audit_events (tenant_id, month, type, actor, subject)
      SELECT tenant_id, month_of(statement_timestamp()), event, ${by},
             jsonb_strip_nulls(jsonb_build_object('user', user_id, 'client', client_id, 'grant', id, 'session', session_id))
        FROM made, unnest(ARRAY[${events.map((event) => `'${event}'`)}]) WITH ORDINALITY AS e (event, place)
       ORDER BY place
    )
    SELECT tenant_id, id, user_id, client_id, session_id, secret, scope, apis, acr, amr, auth_time, claims, generation, created_at,
           expires_at
      FROM made`

/** What the row says; by what it is judged comes from elsewhere. */
export function toGrant(row: GrantRow): Omit<Grant, 'state' | 'rev' | 'wide'> {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    userId: row.user_id,
    clientId: row.client_id,
    sessionId: row.session_id ?? undefined,
    secret: row.secret,
    scope: row.scope,
    apis: row.apis,
    acr: row.acr ?? undefined,
    amr: row.amr,
    authTime: row.auth_time,
    claims: row.claims ?? undefined,
    generation: row.generation,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
