import { randomBytes } from 'node:crypto'
import type { Pool } from 'pg'
import { decodeBase64url, encodeBase64url } from '../crypto/base64url.js'
import { hashSecret, secretMatches } from '../crypto/secrets.js'
import { bytesToUuid, uuidToBytes } from '../crypto/uuid.js'
import type { NewSession, Sessions } from '../oauth/browser-ports.js'
import type { Actor, BrowserSession } from '../oauth/records.js'
import { isUuid } from './text.js'

const ID_BYTES = 16
const SECRET_BYTES = 32
const USER_AGENT_CHARACTERS = 300
/** Seconds: how exact the idle clock is. Every page would write otherwise. */
const TOUCH_AFTER = 60

type Row = {
  tenant_id: string
  id: string
  secret_hash: Buffer
  acr: string | null
  amr: string[]
  auth_time: Date
  created_at: Date
  expires_at: Date
  user_id: string
  username: string
  name: string | null
  credential_version: number
  stale: boolean
}

// As a grant is made: the user's row is locked against its update, so that whoever ends the user's sessions afterwards finds this
// one. A tenant that is disabled meanwhile is revoked with it, and the revision tells.
const MAKE = {
  name: 'sessions_make',
  text: `
    WITH owner AS MATERIALIZED (
      SELECT id FROM users
       WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = $3
         FOR SHARE
    ), made AS (
      INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, acr, amr, auth_time, used_at, idle, created_at,
                            expires_at, user_agent, address)
      SELECT $1, month_of(term.expires_at), encode(int2send(month_of(term.expires_at)) || $4::bytea, 'hex')::uuid, $5,
             owner.id, $6, $7, $8, $9, statement_timestamp(), $10, statement_timestamp(), term.expires_at, $12, $13
        FROM owner, (SELECT statement_timestamp() + make_interval(secs => $11) AS expires_at) AS term
       WHERE EXISTS (SELECT FROM tenants WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL)
      RETURNING tenant_id, id, user_id
    ), audited AS (
      INSERT INTO audit_events (tenant_id, month, type, actor, subject)
      SELECT tenant_id, month_of(statement_timestamp()), 'sign_in.succeeded', $14, jsonb_build_object('user', user_id, 'session', id)
        FROM made
    )
    SELECT id FROM made`,
}

// Of a session `s` and its tenant `t`.
const LIVE = `s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
         AND s.used_at + make_interval(secs => s.idle) > statement_timestamp()
         AND s.revision >= t.revoked_revision AND t.disabled_at IS NULL AND t.deleted_at IS NULL`

// Of two at once the second waits for the row and then writes over the first.
const RENEW = {
  name: 'sessions_renew',
  text: `
    WITH owner AS MATERIALIZED (
      SELECT id FROM users
       WHERE tenant_id = $1 AND id = $3 AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = $4
         FOR SHARE
    ), renewed AS (
      UPDATE sessions AS s SET secret_hash = $5, auth_time = $6, amr = $7, acr = $8, used_at = statement_timestamp()
        FROM owner, tenants t
       WHERE s.tenant_id = $1 AND s.month = month_of_id($2) AND s.id = $2 AND s.user_id = owner.id AND t.id = $1
         AND ${LIVE}
      RETURNING s.tenant_id, s.id, s.user_id
    ), audited AS (
      INSERT INTO audit_events (tenant_id, month, type, actor, subject, detail)
      SELECT tenant_id, month_of(statement_timestamp()), 'sign_in.succeeded', $9, jsonb_build_object('user', user_id, 'session', id),
             '{"renewed": true}'
        FROM renewed
    )
    SELECT id FROM renewed`,
}

const FIND = {
  name: 'sessions_find',
  text: `
    SELECT s.tenant_id, s.id, s.secret_hash, s.acr, s.amr, s.auth_time, s.created_at, s.expires_at, u.id AS user_id, u.username, u.name,
           u.credential_version, s.used_at <= statement_timestamp() - make_interval(secs => $3) AS stale
      FROM sessions s
      JOIN users u ON u.tenant_id = $1 AND u.id = s.user_id AND u.disabled_at IS NULL AND u.deleted_at IS NULL
      JOIN tenants t ON t.id = $1
     WHERE s.tenant_id = $1 AND s.month = month_of_id($2) AND s.id = $2
       AND ${LIVE}`,
}

// Who holds the row is ending it, renewing it or making something under it; none of that is waited for. Another request touches it.
const TOUCH = {
  name: 'sessions_touch',
  text: `
    UPDATE sessions AS s SET used_at = statement_timestamp()
      FROM (SELECT id FROM sessions WHERE tenant_id = $1 AND month = month_of_id($2) AND id = $2 AND revoked_at IS NULL
               FOR NO KEY UPDATE SKIP LOCKED) AS free
     WHERE s.tenant_id = $1 AND s.month = month_of_id($2) AND s.id = free.id AND s.used_at < statement_timestamp()`,
}

/** The sessions of browsers in Postgres. A token is base64url of the id's 16 bytes and 32 random ones, 64 characters. */
export function createSessions({ pool }: { pool: Pick<Pool, 'query'> }): Sessions {
  return {
    async make(session, by) {
      const secret = randomBytes(SECRET_BYTES)
      const { rows } = await pool.query<{ id: string }>({ ...MAKE, values: valuesOf(session, hashSecret(secret), by) })
      const [row] = rows
      return row ? { result: 'made', id: row.id, token: tokenOf(row.id, secret) } : { result: 'superseded' }
    },

    async renew({ tenantId, id }, { userId, credentialVersion, authTime, amr, acr }, by) {
      if (!isUuid(id)) return { result: 'superseded' }
      const secret = randomBytes(SECRET_BYTES)
      const values = [tenantId, id, userId, credentialVersion, hashSecret(secret), authTime, amr, acr ?? null, by]
      const { rowCount } = await pool.query({ ...RENEW, values })
      return rowCount === 1 ? { result: 'renewed', token: tokenOf(id, secret) } : { result: 'superseded' }
    },

    async find(tenantId, token) {
      const bytes = decodeBase64url(token)
      if (bytes?.length !== ID_BYTES + SECRET_BYTES) return undefined
      const id = bytesToUuid(bytes.subarray(0, ID_BYTES))
      const { rows } = await pool.query<Row>({ ...FIND, values: [tenantId, id, TOUCH_AFTER] })
      const [row] = rows
      if (!row || !secretMatches(bytes.subarray(ID_BYTES), row.secret_hash)) return undefined
      if (row.stale) await pool.query({ ...TOUCH, values: [tenantId, id] })
      return toSession(row)
    },
  }
}

const tokenOf = (id: string, secret: Uint8Array) => encodeBase64url(Buffer.concat([uuidToBytes(id), secret]))

/** Without what is seen by nobody, or turns the text around it about: people read it. */
function readable(userAgent: string): string {
  const visible = userAgent.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
  return [...visible].slice(0, USER_AGENT_CHARACTERS).join('')
}

function valuesOf(session: NewSession, secretHash: Uint8Array, by: Actor): unknown[] {
  return [
    session.tenantId,
    session.userId,
    session.credentialVersion,
    randomBytes(ID_BYTES - 2),
    secretHash,
    session.rev,
    session.acr ?? null,
    session.amr,
    session.authTime,
    session.idleLifetime,
    session.lifetime,
    session.userAgent === undefined ? null : readable(session.userAgent),
    session.address,
    by,
  ]
}

function toSession(row: Row): BrowserSession {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    authTime: row.auth_time,
    amr: row.amr,
    acr: row.acr ?? undefined,
    user: {
      id: row.user_id,
      username: row.username,
      name: row.name ?? undefined,
      credentialVersion: row.credential_version,
    },
  }
}
