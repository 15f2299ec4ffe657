import { randomBytes, randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import type { Grants, NewGrant, RefreshOutcome } from '../oauth/ports.js'
import type { Actor, Grant } from '../oauth/records.js'
import { type GrantRow, grantId, insertGrant, toGrant } from './new-grant.js'
import { isUuid } from './text.js'
import { inPlace, type Place, together } from './together.js'

// One statement, so that no revocation comes between what is checked and what is written. The user's row is locked before the
// session's, as a revocation locks them, and against its update: whoever ends the user's grants afterwards finds this one.
const MAKE = {
  name: 'grants_make',
  text: `
    WITH owner AS MATERIALIZED (
      SELECT id FROM users
       WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = $3
         FOR SHARE
    ), browser AS MATERIALIZED (
      SELECT s.id FROM owner
        JOIN sessions s ON s.tenant_id = $1 AND s.month = month_of_id($5) AND s.id = $5 AND s.user_id = owner.id
       WHERE s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
         FOR SHARE OF s
    ), new AS (
      SELECT $1::uuid AS tenant_id, ${grantId('term.expires_at', '$6')} AS id, owner.id AS user_id, $4::text AS client_id,
             $5::uuid AS session_id, $7::bytea AS secret, $8::bigint AS revision, $9::text[] AS scope, $10::text[] AS apis,
             $11::text AS acr, $12::text[] AS amr, $13::timestamptz AS auth_time, NULL::jsonb AS claims, false AS offline,
             $14::boolean AS rotate, $15::integer AS idle, ARRAY[$18::bigint] AS live, term.expires_at
        FROM owner, (SELECT statement_timestamp() + make_interval(secs => $16) AS expires_at) AS term
       WHERE $5::uuid IS NULL OR EXISTS (SELECT FROM browser)
    ), ${insertGrant({ by: '$17', events: ['sign_in.succeeded', 'grant.made'] })}`,
}

const FIND = { name: 'grants_find', text: 'SELECT * FROM find_grants($1, $2)' }

const ROTATE = { name: 'grants_rotate', text: 'SELECT * FROM rotate_grants($1, $2, $3, $4, $5)' }

const REFRESH = {
  name: 'grants_refresh',
  text: 'SELECT generation, result, session FROM refresh_grant($1, $2, $3, $4, make_interval(secs => $5), $6::bigint, $7)',
}

/** Without a result there was nothing to refresh. */
type Refreshed = {
  readonly result: 'rotated' | 'replayed' | 'reused' | null
  readonly generation: number
  readonly session: string | null
}

type Key = { readonly tenantId: string; readonly id: string }
/** `live`: the place of the access token that comes with it. */
type Attempt = Key & { readonly generation: number; readonly attempt: string; readonly live: bigint }
type Judged = Pick<Grant, 'state'> & { readonly rev: string; readonly wide: string }

// What an integer of Postgres holds. One that nobody reaches must not fail those it goes with.
const LAST_GENERATION = 2 ** 31 - 1

// Why a refresh found nothing to do. A grant that is neither revoked nor expired has too many access tokens alive, or had a moment ago.
const WHY_NOT = {
  name: 'grants_why_not',
  text: `
    SELECT revoked_at IS NOT NULL AS revoked,
           expires_at <= statement_timestamp() OR refreshed_at + make_interval(secs => idle) <= statement_timestamp() AS expired,
           coalesce((SELECT (min(x) - oldest_place(statement_timestamp())) >> 30 FROM unnest(live) AS x
                      WHERE x >= oldest_place(statement_timestamp())), 0) + 1 AS retry_after
      FROM grants WHERE tenant_id = $1 AND month = month_of_id($2) AND id = $2`,
}

/** The grants in Postgres, one statement each; one for all that are looked up, or refreshed, at the same time. */
export function createGrants({ pool }: { pool: Pick<Pool, 'query'> }): Grants {
  const find = together(async (asked: readonly Key[]) => {
    const values = [asked.map(({ tenantId }) => tenantId), asked.map(({ id }) => id)]
    const { rows } = await pool.query<GrantRow & Judged & Place>({ ...FIND, values })
    return inPlace(rows, asked.length).map(
      (row) => row && { ...toGrant(row), state: row.state, rev: Number(row.rev), wide: Number(row.wide) },
    )
  })

  const rotate = together(async (asked: readonly Attempt[]) => {
    const values = [
      asked.map(({ tenantId }) => tenantId),
      asked.map(({ id }) => id),
      asked.map(({ generation }) => generation),
      asked.map(({ attempt }) => attempt),
      asked.map(({ live }) => live),
    ]
    const { rows } = await pool.query<Omit<Refreshed, 'result'> & Place>({ ...ROTATE, values })
    return inPlace(rows, asked.length)
  })

  async function whyNot(tenantId: string, grantId: string): Promise<RefreshOutcome> {
    type Why = { revoked: boolean; expired: boolean; retry_after: string }
    const { rows } = await pool.query<Why>({ ...WHY_NOT, values: [tenantId, grantId] })
    const [why] = rows
    if (!why || why.revoked) return { result: 'revoked' }
    return why.expired ? { result: 'expired' } : { result: 'crowded', retryAfter: Number(why.retry_after) }
  }

  return {
    async make(grant, by) {
      const { rows } = await pool.query<GrantRow>({ ...MAKE, values: valuesOf(grant, by) })
      const [row] = rows
      return row
        ? { result: 'made', grant: { ...toGrant(row), state: 'live', rev: grant.rev, wide: grant.wide } }
        : { result: 'superseded' }
    },
    async find(tenantId, grantId) {
      return isUuid(grantId) ? find({ tenantId, id: grantId }) : undefined
    },
    async refresh({ tenantId, id, generation: known }, { generation, grace, place }, by) {
      const attempt = randomUUID()
      // A token that was spent is judged by the moment it came in, without waiting for anybody.
      if (generation === known && generation < LAST_GENERATION) {
        const rotated = await rotate({ tenantId, id, generation, attempt, live: place })
        if (rotated)
          return { result: 'rotated', generation: rotated.generation, sessionId: rotated.session ?? undefined }
      }
      // The row is the lock, its own SET and WHERE the guard: of any number of concurrent callers one rotates.
      const values = [tenantId, id, generation, attempt, grace, place, by]
      const { rows } = await pool.query<Refreshed>({ ...REFRESH, values })
      const [row] = rows
      if (row?.result) return { result: row.result, generation: row.generation, sessionId: row.session ?? undefined }
      // Nothing was written.
      return whyNot(tenantId, id)
    },
  }
}

function valuesOf(grant: NewGrant, by: Actor): unknown[] {
  return [
    grant.tenantId,
    grant.userId,
    grant.credentialVersion,
    grant.clientId,
    grant.sessionId ?? null,
    randomBytes(14),
    randomBytes(32),
    grant.rev,
    grant.scope,
    grant.apis,
    grant.acr ?? null,
    grant.amr,
    grant.authTime,
    grant.rotate,
    grant.idleLifetime,
    grant.lifetime,
    by,
    grant.place,
  ]
}
