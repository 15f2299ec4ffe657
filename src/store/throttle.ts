import { createHmac, createSecretKey } from 'node:crypto'
import type { Pool } from 'pg'
import type { SignInAttempt, Throttle, ThrottleBucket } from '../oauth/ports.js'

/** Failed client authentications are an address's alone: they have no account to lock. */
const CLIENT_TRIES = 50
/** Sign-ins begun and pushed requests, in a quarter of an hour: many people may share an address. */
const FLOWS = 1_000

// A count is answered before it is on the disk. A crash loses those of its last moment, and nobody waits meanwhile for a row that many
// may count on: the address of a whole office. What is audited waits for the disk.
const UNHURRIED = "set_config('synchronous_commit', 'off', true)"

/**
 * Sign-in tries, counted by Postgres for all processes. `key`: 32 bytes; buckets are HMACs under it, so that the table names
 * nobody, and are made for names nobody has too, so that it tells nobody apart.
 */
export function createThrottle(pool: Pick<Pool, 'query'>, key: Uint8Array): Throttle {
  // From bytes, Node 24 takes 15 µs longer to start a MAC than from a key object.
  const macKey = createSecretKey(key)
  const bucket = (tenantId: string, kind: string, ...values: string[]) =>
    createHmac('sha256', macKey)
      .update(JSON.stringify([tenantId, kind, ...values]))
      .digest()

  const buckets = (tenantId: string, { username, address }: SignInAttempt) => ({
    address: bucket(tenantId, 'address', address),
    account: bucket(tenantId, 'account', username),
    account_address: bucket(tenantId, 'account_address', username, address),
  })

  async function counted(tenantId: string, of: Buffer, free: number): Promise<'counted' | { retryAfter: number }> {
    const { rows } = await pool.query<{ wait: number }>({
      name: 'throttle_window',
      text: `SELECT throttle_window($1, $2, $3, interval '15 minutes') AS wait, ${UNHURRIED}`,
      values: [tenantId, of, free],
    })
    const wait = rows[0]?.wait ?? 0
    return wait > 0 ? { retryAfter: wait } : 'counted'
  }

  return {
    async take(tenantId, attempt) {
      const { address, account, account_address } = buckets(tenantId, attempt)
      const { rows } = await pool.query<{ wait: number; refused: ThrottleBucket | null }>({
        name: 'throttle_take',
        text: `SELECT wait, refused, ${UNHURRIED} FROM throttle_take($1, $2, $3, $4)`,
        values: [tenantId, address, account, account_address],
      })
      const [row] = rows
      return row?.refused ? { retryAfter: row.wait, bucket: row.refused } : 'taken'
    },

    async returned(tenantId, attempt) {
      const { address, account, account_address } = buckets(tenantId, attempt)
      await pool.query({
        name: 'throttle_returned',
        text: `SELECT throttle_returned($1, $2, $3, $4), ${UNHURRIED}`,
        values: [tenantId, address, account, account_address],
      })
    },

    async succeeded(tenantId, attempt) {
      const { address, account, account_address } = buckets(tenantId, attempt)
      await pool.query({
        name: 'throttle_succeeded',
        text: `SELECT throttle_succeeded($1, $2, $3, $4), ${UNHURRIED}`,
        values: [tenantId, address, account, account_address],
      })
    },

    async refused(tenantId, attempt, { reason, by, bucket: kind = 'account_address', userId }) {
      await pool.query({
        name: 'throttle_refused',
        text: 'SELECT throttle_refused($1, $2, $3, $4, $5)',
        values: [tenantId, buckets(tenantId, attempt)[kind], by, userId ? { user: userId } : {}, reason],
      })
    },

    clientFailed: (tenantId, address) => counted(tenantId, bucket(tenantId, 'client_address', address), CLIENT_TRIES),

    flowBegun: (tenantId, address) => counted(tenantId, bucket(tenantId, 'flow_address', address), FLOWS),
  }
}
