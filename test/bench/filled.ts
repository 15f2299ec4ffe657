import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Grant } from '../../src/oauth/records.js'
import { startServer } from '../support/server.js'
import { CHEAP, fill, type Size, unlimited } from './fill.js'
import { openStage, type Stage } from './stage.js'

/** A server on a database that holds so much. Its passwords cost next to nothing, and each request may come from an address of its own. */
export type Filled = Stage & { readonly size: Size }

export async function openFilled(size: Size): Promise<Filled> {
  const stage = await openStage()
  try {
    await fill(stage, size)
    await stage.server.stop()
    const server = await startServer({ ...stage.env, ...SETTINGS }, 'ignore')
    const close = async () => {
      await server.stop()
      await stage.close()
    }
    return { ...stage, server, close, size }
  } catch (error) {
    await stage.close()
    throw error
  }
}

const SETTINGS = {
  ARGON2_MEMORY_KIB: String(CHEAP.memoryKiB),
  ARGON2_TIME_COST: String(CHEAP.timeCost),
  ARGON2_PARALLELISM: String(CHEAP.parallelism),
  TRUSTED_PROXY_HOPS: '1',
}

/** Of a grant what a refresh token of it is made from, and whose it is. */
export type Sampled = Pick<Grant, 'tenantId' | 'id' | 'secret' | 'generation' | 'clientId'>

// As few of a page as there are pages enough for: who refreshes one in ten million meets a page that nobody has just used.
const SAMPLE = `
  SELECT tenant_id AS "tenantId", id, secret, generation, client_id AS "clientId" FROM (
    SELECT *, row_number() OVER (PARTITION BY tableoid, (ctid::text::point)[0] ORDER BY random()) AS place
      FROM grants TABLESAMPLE SYSTEM ($1) WHERE revoked_at IS NULL AND expires_at > now() + interval '15 minutes'
  ) AS sampled WHERE place <= $2 ORDER BY random() LIMIT $3`

/** Different grants, by chance. Throws where there are not so many. */
export async function sampleGrants(filled: Filled, count: number): Promise<Sampled[]> {
  const client = await unlimited(filled)
  try {
    const { rows: found } = await client.query(
      `SELECT sum(pg_relation_size(inhrelid)) / 8192 AS pages FROM pg_inherits WHERE inhparent = 'grants'::regclass`,
    )
    const pages = Number(found[0].pages)
    const percent = Math.min(100, (100 * 1.3 * count) / pages)
    const { rows } = await client.query<Sampled>(SAMPLE, [percent, Math.ceil((1.5 * count) / pages), count])
    if (rows.length < count) throw new Error(`There are ${rows.length} grants to take, not ${count}.`)
    return rows
  } finally {
    await client.end()
  }
}

/** Puts what the system holds of the database's files out of memory; false where that can't be asked for. Postgres keeps its own buffers. */
export async function evict({ pool }: Pick<Stage, 'pool'>): Promise<boolean> {
  await pool.query('CHECKPOINT')
  const { rows } = await pool.query('SHOW data_directory')
  const each = ['-exec', 'dd', 'if={}', 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none', ';']
  const files = [`${rows[0].data_directory}/base`, '-type', 'f', '-size', '+0']
  return promisify(execFile)('find', [...files, ...each]).then(
    () => true,
    () => false,
  )
}
