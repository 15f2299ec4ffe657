import type { Pool } from 'pg'
import { sha256Text } from '../crypto/sha256.js'
import { base64urlToUuid } from '../crypto/uuid.js'
import type { RevocationPage, Revocations, TokenClaims } from '../oauth/ports.js'
import { formatCursor, historyOf, parseCursor } from './cursor.js'
import type { Installation } from './installation.js'
import { isUuid } from './text.js'
import { inPlace, together } from './together.js'

const REVOKE_TOKEN = {
  name: 'revocations_revoke_token',
  text: 'SELECT revoke_token($1, $2, $3, $4, to_timestamp($5), $6)',
}

const REVOKE_GRANT = {
  name: 'revocations_revoke_grant',
  text: 'SELECT revoke_grant($1, $2, $3, $4) IS NOT NULL AS revoked',
}

const JUDGE = {
  name: 'revocations_judge',
  text: `
    SELECT place, judge_token(tenant_id, string_to_array(digests, ' '), rev, lifetime, key_id, client_id, api, grant_id, session_id) AS dead
      FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::uuid[])
           WITH ORDINALITY AS asked (tenant_id, digests, rev, lifetime, key_id, client_id, api, grant_id, session_id, place)`,
}

type Asked = { readonly tenantId: string; readonly claims: TokenClaims; readonly signingKeyId: string | undefined }

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

  const judge = together(async (asked: readonly Asked[]) => {
    const all = asked.map(judgedBy)
    const values = Array.from({ length: JUDGED_BY }, (_, column) => all.map((each) => each[column]))
    const { rows } = await pool.query<{ place: string; dead: string | null }>({ ...JUDGE, values })
    return inPlace(rows, asked.length).map((row) => {
      if (!row) throw new Error('A token was to be judged and was not.')
      return row.dead
    })
  })

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
      const dead = await judge({ tenantId, claims, signingKeyId })
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

const JUDGED_BY = 9

/** In the order of the statement's parameters. */
function judgedBy({ tenantId, claims, signingKeyId }: Asked): readonly unknown[] {
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
    digests.join(' '),
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
  return sha256Text(`${kind}\n${value}`, 'base64url').slice(0, 22)
}

// A grant that no id can have is one that is not there.
function uuidOf(claim: string | undefined): string | null {
  if (claim === undefined) return null
  return base64urlToUuid(claim) ?? '00000000-0000-0000-0000-000000000000'
}
