import { randomBytes } from 'node:crypto'
import type { Pool } from 'pg'
import { decodeBase64url } from '../crypto/base64url.js'
import { hashSecret, randomToken } from '../crypto/secrets.js'
import type { AuthorizationCodes, PresentedCode } from '../oauth/browser-ports.js'
import type { ClaimsRequest } from '../oauth/records.js'
import { RECENT_DAYS } from './days.js'
import { type GrantRow, grantId, insertGrant, toGrant } from './new-grant.js'

const CODE_BYTES = 32
/** Seconds; RFC 6749 §4.1.2 allows ten minutes. */
const LIFETIME = 60

type Row = {
  tenant_id: string
  client_id: string
  user_id: string
  session_id: string | null
  redirect_uri: string
  code_challenge: string
  scope: string[]
  apis: string[]
  nonce: string | null
  claims: ClaimsRequest | null
  offline: boolean
  acr: string | null
  amr: string[]
  auth_time: Date
  grant_id: string | null
  ends_at: Date | null
  rev: string
  wide: string
  state: PresentedCode['state']
}

// Nothing is locked: what happens to the user, the session or the client in between is found when the code is redeemed, which asks
// for all of it again, of the row that stands here.
const ISSUE = {
  name: 'codes_issue',
  text: `
    INSERT INTO authorization_codes (tenant_id, day, code_hash, client_id, user_id, session_id, credential_version, revision, redirect_uri,
                                     code_challenge, scope, apis, nonce, claims, offline, acr, amr, auth_time, expires_at)
    SELECT t.id, day_of(statement_timestamp()), $2, c.id, u.id, $5, u.credential_version, r.revision, $7, $8, $9, $10, $11, $12, $13, $14,
           $15, $16, statement_timestamp() + make_interval(secs => $17)
      FROM tenants t
      JOIN revisions r ON r.tenant_id = t.id
      JOIN clients c ON c.tenant_id = t.id AND c.id = $3 AND c.disabled_at IS NULL AND c.deleted_at IS NULL
      JOIN users u ON u.tenant_id = t.id AND u.id = $4 AND u.credential_version = $6 AND u.disabled_at IS NULL AND u.deleted_at IS NULL
     WHERE t.id = $1 AND t.disabled_at IS NULL AND t.deleted_at IS NULL
       AND ($5::uuid IS NULL OR EXISTS (
             SELECT FROM sessions s
              WHERE s.tenant_id = $1 AND s.month = month_of_id($5) AND s.id = $5 AND s.user_id = u.id
                AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp() AND s.revision >= t.revoked_revision))`,
}

// One statement, one snapshot. That it was redeemed is told before all else: it is the one thing that calls for more than a refusal.
const FIND = {
  name: 'codes_find',
  text: `
    SELECT o.tenant_id, o.client_id, o.user_id, o.session_id, o.redirect_uri, o.code_challenge, o.scope, o.nonce, o.claims, o.offline,
           o.acr, o.amr, o.auth_time, o.grant_id, CASE WHEN NOT o.offline THEN s.expires_at END AS ends_at,
           r.revision AS rev, r.wide_revision AS wide,
           ARRAY(SELECT a.id FROM unnest(o.apis) WITH ORDINALITY AS covered (id, place)
                   JOIN apis a ON a.tenant_id = $1 AND a.id = covered.id AND a.disabled_at IS NULL AND a.deleted_at IS NULL
                  ORDER BY covered.place) AS apis,
           CASE
             WHEN o.redeemed_at IS NOT NULL THEN 'redeemed'
             WHEN o.expires_at <= statement_timestamp() THEN 'expired'
             WHEN o.session_id IS NOT NULL AND (s.expires_at > statement_timestamp() AND s.revoked_at IS NULL) IS NOT TRUE THEN 'session_over'
             WHEN u.disabled_at IS NOT NULL OR u.deleted_at IS NOT NULL OR u.credential_version <> o.credential_version THEN 'user_disabled'
             WHEN c.disabled_at IS NOT NULL OR c.deleted_at IS NOT NULL OR c.revoked_revision > o.revision THEN 'client_disabled'
             WHEN t.disabled_at IS NOT NULL OR t.deleted_at IS NOT NULL OR t.revoked_revision > o.revision THEN 'tenant_disabled'
             ELSE 'live'
           END AS state
      FROM authorization_codes o
      JOIN users u ON u.tenant_id = $1 AND u.id = o.user_id
      JOIN clients c ON c.tenant_id = $1 AND c.id = o.client_id
      JOIN tenants t ON t.id = $1
      JOIN revisions r ON r.tenant_id = $1
      LEFT JOIN sessions s ON s.tenant_id = $1 AND s.month = month_of_id(o.session_id) AND s.id = o.session_id
     WHERE o.tenant_id = $1 AND o.day IN (${RECENT_DAYS}) AND o.code_hash = $2`,
}

// One statement. The user's row is locked, then the session's, as a revocation locks them: whoever ends either afterwards finds the
// grant. The code's row is last, and lets one through. A client or tenant revoked meanwhile has the higher revision.
const REDEEM = {
  name: 'codes_redeem',
  text: `
    WITH presented AS MATERIALIZED (
      SELECT * FROM authorization_codes
       WHERE tenant_id = $1 AND day IN (${RECENT_DAYS}) AND code_hash = $2 AND redeemed_at IS NULL AND expires_at > statement_timestamp()
    ), owner AS MATERIALIZED (
      SELECT u.id FROM presented p
        JOIN users u ON u.tenant_id = $1 AND u.id = p.user_id
       WHERE u.disabled_at IS NULL AND u.deleted_at IS NULL AND u.credential_version = p.credential_version
         FOR SHARE OF u
    ), browser AS MATERIALIZED (
      SELECT s.expires_at FROM owner
        JOIN presented p ON p.user_id = owner.id
        JOIN sessions s ON s.tenant_id = $1 AND s.month = month_of_id(p.session_id) AND s.id = p.session_id AND s.user_id = owner.id
       WHERE s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
         FOR SHARE OF s
    ), term AS MATERIALIZED (
      SELECT least(statement_timestamp() + make_interval(secs => $3), CASE WHEN NOT p.offline THEN browser.expires_at END) AS expires_at
        FROM presented p
        JOIN owner ON owner.id = p.user_id
        JOIN clients c ON c.tenant_id = $1 AND c.id = p.client_id AND c.disabled_at IS NULL AND c.deleted_at IS NULL
        JOIN tenants t ON t.id = $1 AND t.disabled_at IS NULL AND t.deleted_at IS NULL
        LEFT JOIN browser ON true
       WHERE (p.session_id IS NULL OR browser.expires_at IS NOT NULL)
         AND p.revision >= greatest(c.revoked_revision, t.revoked_revision)
    ), spent AS (
      UPDATE authorization_codes AS o SET redeemed_at = statement_timestamp(), grant_id = ${grantId('term.expires_at', '$4')}
        FROM term
       WHERE o.tenant_id = $1 AND o.day IN (${RECENT_DAYS}) AND o.code_hash = $2
         AND o.redeemed_at IS NULL
      RETURNING o.*, term.expires_at AS ends_at
    ), new AS (
      SELECT tenant_id, grant_id AS id, user_id, client_id, session_id, $5::bytea AS secret, $6::bigint AS revision, scope, apis, acr, amr,
             auth_time, claims, offline, $7::boolean AS rotate, $8::integer AS idle, ARRAY[$9::bigint] AS live, ends_at AS expires_at
        FROM spent
    ), ${insertGrant({ by: '$10', events: ['grant.made'] })}`,
}

// Why a redemption found nothing to do. Another was first, or what it rests on is no more.
const REDEEMED = {
  name: 'codes_redeemed',
  text: `
    SELECT grant_id FROM authorization_codes
     WHERE tenant_id = $1 AND day IN (${RECENT_DAYS}) AND code_hash = $2 AND redeemed_at IS NOT NULL`,
}

/** Authorization codes in Postgres, by their SHA-256: 32 random bytes in base64url, 43 characters. RFC 6749 §10.5. */
export function createAuthorizationCodes({ pool }: { pool: Pick<Pool, 'query'> }): AuthorizationCodes {
  return {
    async issue(issued) {
      const code = randomToken(CODE_BYTES)
      const values = [
        issued.tenantId,
        hashSecret(code),
        issued.clientId,
        issued.userId,
        issued.sessionId ?? null,
        issued.credentialVersion,
        issued.redirectUri,
        issued.codeChallenge,
        issued.scope,
        issued.apis,
        issued.nonce ?? null,
        issued.claims ?? null,
        issued.offline,
        issued.acr ?? null,
        issued.amr,
        issued.authTime,
        LIFETIME,
      ]
      const { rowCount } = await pool.query({ ...ISSUE, values })
      return rowCount === 1 ? { result: 'issued', code } : { result: 'superseded' }
    },

    async find(tenantId, code) {
      if (decodeBase64url(code)?.length !== CODE_BYTES) return undefined
      const { rows } = await pool.query<Row>({ ...FIND, values: [tenantId, hashSecret(code)] })
      const [row] = rows
      return row && toPresented(row, code)
    },

    async redeem({ tenantId, code, rev, wide, apis }, { rotate, lifetime, idleLifetime, place }, by) {
      const hash = hashSecret(code)
      const values = [tenantId, hash, lifetime, randomBytes(14), randomBytes(32), rev, rotate, idleLifetime, place, by]
      const { rows } = await pool.query<GrantRow>({ ...REDEEM, values })
      const [row] = rows
      if (row) return { result: 'made', grant: { ...toGrant(row), apis, state: 'live', rev, wide } }
      // Nothing was written.
      const { rows: done } = await pool.query<{ grant_id: string | null }>({ ...REDEEMED, values: [tenantId, hash] })
      const [redeemed] = done
      return redeemed ? { result: 'redeemed', grantId: redeemed.grant_id ?? undefined } : { result: 'superseded' }
    },
  }
}

function toPresented(row: Row, code: string): PresentedCode {
  return {
    tenantId: row.tenant_id,
    code,
    state: row.state,
    clientId: row.client_id,
    userId: row.user_id,
    sessionId: row.session_id ?? undefined,
    redirectUri: row.redirect_uri,
    codeChallenge: row.code_challenge,
    scope: row.scope,
    apis: row.apis,
    nonce: row.nonce ?? undefined,
    claims: row.claims ?? undefined,
    offline: row.offline,
    acr: row.acr ?? undefined,
    amr: row.amr,
    authTime: row.auth_time,
    grantId: row.grant_id ?? undefined,
    endsAt: row.ends_at ?? undefined,
    rev: Number(row.rev),
    wide: Number(row.wide),
  }
}
