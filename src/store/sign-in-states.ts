import type { Pool } from 'pg'
import { hashSecret, randomToken } from '../crypto/secrets.js'
import type { KeptState, SignInStates } from '../oauth/browser-ports.js'
import { RECENT_DAYS } from './days.js'

/** Of an id, 22 characters: without the browser's own secret it is worth nothing. */
const ID_BYTES = 16
const MOST_BYTES = 32_768

type Row = { state: unknown; version: number; client_id: string | null }

const BEGIN = {
  name: 'sign_in_states_begin',
  text: `
    INSERT INTO sign_in_states (tenant_id, day, id_hash, browser_hash, client_id, state, expires_at)
    VALUES ($1, day_of(statement_timestamp()), $2, $3, $4, $5, statement_timestamp() + make_interval(secs => $6))`,
}

const MINE = `tenant_id = $1 AND day IN (${RECENT_DAYS}) AND id_hash = $2 AND browser_hash = $3 AND expires_at > statement_timestamp()`

const FIND = {
  name: 'sign_in_states_find',
  text: `SELECT state, version, client_id FROM sign_in_states WHERE ${MINE}`,
}

// The version is the guard: of two answers to one page the second changes nothing.
const CHANGE = {
  name: 'sign_in_states_change',
  text: `UPDATE sign_in_states SET state = $5, version = version + 1 WHERE ${MINE} AND version = $4`,
}

const END = {
  name: 'sign_in_states_end',
  text: `DELETE FROM sign_in_states WHERE ${MINE}`,
}

/** What browsers are in the middle of, in Postgres, for a day at most. Throws RangeError for a state above 32 KB. */
export function createSignInStates({ pool }: { pool: Pick<Pool, 'query'> }): SignInStates {
  return {
    async begin(tenantId, { browser, clientId, state, lifetime }) {
      const id = randomToken(ID_BYTES)
      const values = [tenantId, hashSecret(id), hashSecret(browser), clientId ?? null, jsonOf(state), lifetime]
      await pool.query({ ...BEGIN, values })
      return id
    },

    async find(tenantId, { id, browser }): Promise<KeptState | undefined> {
      const { rows } = await pool.query<Row>({ ...FIND, values: [tenantId, hashSecret(id), hashSecret(browser)] })
      const [row] = rows
      return row && { state: row.state, version: row.version, clientId: row.client_id ?? undefined }
    },

    async change(tenantId, { id, browser, version, state }) {
      const values = [tenantId, hashSecret(id), hashSecret(browser), version, jsonOf(state)]
      const { rowCount } = await pool.query({ ...CHANGE, values })
      return rowCount === 1 ? 'changed' : 'superseded'
    },

    async end(tenantId, { id, browser }) {
      const { rowCount } = await pool.query({ ...END, values: [tenantId, hashSecret(id), hashSecret(browser)] })
      return rowCount === 1 ? 'ended' : 'unknown'
    },
  }
}

function jsonOf(state: object): string {
  const json = JSON.stringify(state)
  const size = Buffer.byteLength(json)
  if (size > MOST_BYTES) throw new RangeError(`A sign-in state of ${size} bytes is more than ${MOST_BYTES}.`)
  return json
}
