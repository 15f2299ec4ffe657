import type { Pool } from 'pg'
import { hashSecret, randomToken } from '../crypto/secrets.js'
import type { PushedRequests } from '../oauth/browser-ports.js'
import { RECENT_DAYS } from './days.js'
import { isStorable } from './text.js'

type Params = Readonly<Record<string, readonly string[]>>

const PUSH = {
  name: 'pushed_requests_push',
  text: `
    INSERT INTO pushed_requests (tenant_id, day, id_hash, client_id, params, expires_at)
    VALUES ($1, day_of(statement_timestamp()), $2, $3, $4, statement_timestamp() + make_interval(secs => $5))`,
}

const UNUSED = `tenant_id = $1 AND day IN (${RECENT_DAYS}) AND id_hash = $2 AND client_id = $3 AND used_at IS NULL`

const FIND = {
  name: 'pushed_requests_find',
  text: `SELECT params FROM pushed_requests WHERE ${UNUSED} AND expires_at > statement_timestamp()`,
}

// Whoever began in time may take their time: it is over for those who have not begun, RFC 9126 §4.
const USE = {
  name: 'pushed_requests_use',
  text: `UPDATE pushed_requests SET used_at = statement_timestamp() WHERE ${UNUSED}`,
}

/** Pushed authorization requests in Postgres, for a day at most. An id is 32 random bytes in base64url, RFC 9126 §7.1. */
export function createPushedRequests({ pool }: { pool: Pick<Pool, 'query'> }): PushedRequests {
  return {
    async push(tenantId, { clientId, params, lifetime }) {
      const id = randomToken()
      await pool.query({ ...PUSH, values: [tenantId, hashSecret(id), clientId, params, lifetime] })
      return id
    },

    async find(tenantId, { id, clientId }) {
      if (!isStorable(clientId)) return undefined
      const { rows } = await pool.query<{ params: Params }>({ ...FIND, values: [tenantId, hashSecret(id), clientId] })
      return rows[0]?.params
    },

    async use(tenantId, { id, clientId }) {
      const { rowCount } = await pool.query({ ...USE, values: [tenantId, hashSecret(id), clientId] })
      return rowCount === 1 ? 'used' : 'unknown'
    },
  }
}
