import { createHash } from 'node:crypto'
import type { Pool } from 'pg'
import { base64urlToUuid } from '../crypto/uuid.js'
import type { RevocationPage, Revocations, TokenClaims } from '../oauth/ports.js'
import { formatCursor, historyOf, parseCursor } from './cursor.js'
import type { Installation } from './installation.js'
import { isUuid } from './text.js'

const REVOKE_TOKEN = {
  name: 'revocations_revoke_token',
  text: 'SELECT revoke_token($1, $2, $3, $4, to_timestamp($5), $6)',
}

const REVOKE_GRANT = {
  name: 'revocations_revoke_grant',
  text: 'SELECT revoke_grant($1, $2, $3, $4) IS NOT NULL AS revoked',
}

// Every layer in one statement, one snapshot. Entries speak for what has no row of its own (a token, an API registered again under
// the same identifier); rows for what outlives its entry.
const JUDGE = {
  name: 'revocations_judge',
  text: `
    SELECT CASE
             WHEN t.id IS NULL THEN 'tenant_unknown'
             WHEN t.disabled_at IS NOT NULL OR t.deleted_at IS NOT NULL THEN 'tenant_disabled'
             WHEN t.revoked_revision > $3 THEN 'tenant_revoked'
             WHEN $4 > t.max_token_lifetime THEN 'lifetime_above_cap'
             WHEN e.kind IS NOT NULL THEN e.kind || '_revoked'
             WHEN k.revoked_at IS NOT NULL THEN 'kid_revoked'
             WHEN c.id IS NULL OR c.deleted_at IS NOT NULL THEN 'client_deleted'
             WHEN c.disabled_at IS NOT NULL THEN 'client_disabled'
             WHEN c.revoked_revision > $3 THEN 'client_revoked'
             WHEN $7::text IS NOT NULL AND a.id IS NULL THEN 'api_deleted'
             WHEN a.disabled_at IS NOT NULL THEN 'api_disabled'
             WHEN a.revoked_revision > $3 THEN 'api_revoked'
             WHEN s.revoked_at IS NOT NULL THEN 'sid_revoked'
             WHEN $8::uuid IS NULL THEN NULL
             WHEN g.id IS NULL THEN 'grant_unknown'
             WHEN g.revoked_at IS NOT NULL OR c.revoked_revision > g.revision OR t.revoked_revision > g.revision THEN 'grant_revoked'
             WHEN g.expires_at <= statement_timestamp() THEN 'grant_expired'
             WHEN u.deleted_at IS NOT NULL THEN 'user_deleted'
             WHEN u.disabled_at IS NOT NULL THEN 'user_disabled'
           END AS dead
      FROM (SELECT $1::uuid AS id) AS asked
      LEFT JOIN tenants t ON t.id = asked.id
      LEFT JOIN clients c ON c.tenant_id = $1 AND c.id = $6
      LEFT JOIN apis a ON a.tenant_id = $1 AND a.identifier = $7 AND a.deleted_at IS NULL
      LEFT JOIN keys k ON k.tenant_id = $1 AND k.id = $5
      LEFT JOIN sessions s ON s.tenant_id = $1 AND s.month = month_of_id($9) AND s.id = $9
      LEFT JOIN grants g ON g.tenant_id = $1 AND g.month = month_of_id($8) AND g.id = $8
      LEFT JOIN users u ON u.tenant_id = $1 AND u.id = g.user_id
      LEFT JOIN LATERAL (
        -- A digest at a time: of an hour just begun the planner knows nothing, and would read all of a tenant's entries for eight.
        SELECT found.kind FROM unnest($2::text[]) AS token (digest), LATERAL (
          SELECT kind FROM revocations
           WHERE tenant_id = $1 AND digest = token.digest AND expires_at > statement_timestamp() AND (below IS NULL OR below > $3)
           LIMIT 1
        ) AS found LIMIT 1
      ) AS e ON true`,
}

const PAGE_SIZE = 5_000

type PageRow = {
  revision: string
  timeline: string
  at: string
  retention: number
  entries: string
  count: number
  first: string | null
  last: string | null
}

// The revision and the entries up to it in one snapshot. None can appear later with a lower revision: each is made while its
// transaction holds the tenant's row of `revisions`, and that row is free only when what was made under it can be seen.
// An entry becomes text here: kinds and digests have no character that JSON would escape, and the event loop has other work.
// The slots are merged by their indexes, up to the limit, and those that are over are left out. The limit is an expression because of
// an hour just begun, of which the planner knows nothing: told a number above its guess, it would read and sort all of a tenant's entries.
const page = (timeline: string) => ({
  name: timeline === '' ? 'revocations_page' : 'revocations_page_of_timeline',
  text: `
    SELECT r.revision, ${timeline || `''`} AS timeline, floor(extract(epoch FROM statement_timestamp())) AS at,
           t.max_token_lifetime + 120 AS retention, p.*
      FROM revisions r JOIN tenants t ON t.id = r.tenant_id, LATERAL (
        SELECT '[' || coalesce(string_agg('{"k":"' || kind || '","d":"' || digest || '"' || coalesce(',"r":' || below, '')
                                          || ',"exp":' || ceil(extract(epoch FROM expires_at)) || '}', ',' ORDER BY e.revision), '') || ']' AS entries,
               count(*)::integer AS count, min(e.revision) AS first, max(e.revision) AS last
          FROM (SELECT revision, kind, digest, below, expires_at FROM revocations
                 WHERE tenant_id = $1 AND revision > $2 AND slot >= slot_of(statement_timestamp()) AND expires_at > statement_timestamp()
                 ORDER BY revision LIMIT (SELECT ${PAGE_SIZE})) AS e
      ) AS p
     WHERE r.tenant_id = $1`,
})

/** What is revoked, by Postgres: asked, never remembered. */
export function createRevocations({
  pool,
  installation,
}: {
  pool: Pick<Pool, 'query'>
  installation: Installation
}): Revocations {
  const PAGE = page(installation.timeline)

  async function readPage(tenantId: string, after: number | undefined) {
    const { rows } = await pool.query<PageRow>({ ...PAGE, values: [tenantId, after ?? -1] })
    const [row] = rows
    if (!row) throw new Error('There is no such tenant.')
    const history = historyOf(installation.id, row.timeline, tenantId)
    const head = Number(row.revision)
    const more = row.count === PAGE_SIZE && Number(row.last) < head
    const revision = more ? Number(row.last) : head
    const at = Number(row.at)
    const cursor = formatCursor({ history, revision, at })
    const first = row.first === null ? undefined : Number(row.first)
    const page: RevocationPage = { revision, cursor, after, at, more, first, entries: row.entries }
    return { history, head, at, retention: row.retention, page }
  }

  return {
    async revokeToken(tenantId, { claims: { jti, exp, sub, client_id, grant }, place }, by) {
      const about = { client: client_id, ...(grant !== undefined && { user: sub, grant: uuidOf(grant) }) }
      await pool.query({ ...REVOKE_TOKEN, values: [tenantId, jti, by, about, exp, place] })
    },
    async revokeGrant(tenantId, grantId, { reason, by }) {
      if (!isUuid(grantId)) return 'nothing'
      const values = [tenantId, grantId, by, reason]
      const { rows } = await pool.query<{ revoked: boolean }>({ ...REVOKE_GRANT, values })
      return rows[0]?.revoked ? 'revoked' : 'nothing'
    },
    async judge(tenantId, claims, signingKeyId) {
      const values = judgedBy(tenantId, claims, signingKeyId)
      const { rows } = await pool.query<{ dead: string | null }>({ ...JUDGE, values })
      const dead = rows[0]?.dead
      return dead ? { dead } : 'live'
    },
    async snapshot(tenantId) {
      const { page } = await readPage(tenantId, undefined)
      return page
    },
    async since(tenantId, text) {
      const cursor = parseCursor(text)
      if (!cursor) return 'reset'
      const { history, head, at, retention, page } = await readPage(tenantId, cursor.revision)
      if (!cursor.history.equals(history) || cursor.revision > head) return 'reset'
      return cursor.at < at - retention && cursor.revision !== head ? 'reset' : page
    },
    async head(tenantId) {
      const { page } = await readPage(tenantId, Number.MAX_SAFE_INTEGER)
      return page
    },
    locate(text, known) {
      const cursor = parseCursor(text)
      const same = cursor && parseCursor(known)?.history.equals(cursor.history)
      return same ? cursor.revision : undefined
    },
  }
}

function judgedBy(tenantId: string, claims: TokenClaims, signingKeyId: string | undefined): unknown[] {
  const digests = Object.entries({
    jti: claims.jti,
    grant: claims.grant,
    sid: claims.sid,
    sub: claims.sub,
    client: claims.client_id,
    aud: claims.aud,
    kid: signingKeyId,
    tenant: claims.iss,
  }).flatMap(([kind, value]) => (value === undefined ? [] : [digestOf(kind, value)]))
  return [
    tenantId,
    digests,
    claims.rev,
    claims.exp - claims.iat,
    signingKeyId ?? null,
    claims.client_id,
    // A token for the issuer itself is for none of its APIs.
    claims.aud === claims.iss ? null : claims.aud,
    uuidOf(claims.grant),
    uuidOf(claims.sid),
  ]
}

/** As `revocation_digest` in the migrations makes it, and the readers of the list. */
function digestOf(kind: string, value: string): string {
  return createHash('sha256').update(`${kind}\n${value}`).digest('base64url').slice(0, 22)
}

// A grant that no id can have is one that is not there.
function uuidOf(claim: string | undefined): string | null {
  if (claim === undefined) return null
  return base64urlToUuid(claim) ?? '00000000-0000-0000-0000-000000000000'
}
