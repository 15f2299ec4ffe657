import pg from 'pg'
import { run } from '../../scripts/admin/run.js'
import type { Environment, Ran } from './server.js'

/** A command line of the admin script in this process: faster than one of its own, and the same but for what a process is. */
export async function adminHere(env: Environment, args: readonly string[]): Promise<Ran> {
  const before = { ...process.env }
  const said = { stdout: '', stderr: '' }
  const keep = (stream: keyof typeof said) => (text: string) => {
    said[stream] += text
  }
  Object.assign(process.env, env)
  try {
    const code = await run(args, { stdout: keep('stdout'), stderr: keep('stderr') })
    return { code, ...said }
  } finally {
    process.env = before
  }
}

/** What a server makes at its first start. */
export const makeDefaultTenant = (connection: pg.ClientConfig): Promise<void> =>
  using(connection, async (client) => {
    await client.query(
      `WITH made AS (INSERT INTO tenants (id, slug, name) VALUES (gen_random_uuid(), 'default', 'Default') RETURNING id)
       INSERT INTO revisions (tenant_id) SELECT id FROM made`,
    )
  })

/** A live grant and session of the default tenant, as a sign-in would make them. */
export const makeGrant = (connection: pg.ClientConfig, { user, client: of }: { user: string; client: string }) =>
  using(connection, async (client) => {
    const ids = { grant: '02ab0000-0000-4000-8000-000000000001', session: '02ab0000-0000-4000-8000-000000000002' }
    const [tenant] = (await client.query("SELECT id FROM tenants WHERE slug = 'default'")).rows
    await client.query(
      `INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, auth_time, idle, expires_at)
       VALUES ($1, month_of_id($2), $2, '', $3, 0, now(), 3600, now() + interval '1 day')`,
      [tenant.id, ids.session, user],
    )
    await client.query(
      `INSERT INTO grants (tenant_id, month, id, user_id, client_id, session_id, secret, revision, scope, auth_time, idle, expires_at)
       SELECT $1, month_of_id($2), $2, $3, $4, $5, '', revision, '{read}', now(), 3600, now() + interval '1 day'
         FROM revisions WHERE tenant_id = $1`,
      [tenant.id, ids.grant, user, of, ids.session],
    )
    return ids
  })

async function using<T>(connection: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
