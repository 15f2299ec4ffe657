import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { createPasswordHasher } from '../../src/crypto/password.js'
import type { Stage } from './stage.js'

/** How much a database holds. */
export type Size = { readonly grants: number; readonly users: number; readonly clients: number }

/** Clients that sign users in, in any size: what grows is how many ask for tokens of their own. */
export const APPS = 50

/** The least cost there is: what is measured here is no hash. */
export const CHEAP = { memoryKiB: 7_168, timeCost: 1, parallelism: 1 } as const

export const FILL_PASSWORD = 'correct horse battery staple'

export const usernameOf = (n: number) => `filled${n}@example.com`

/** A client by its number; those from `APPS` on are services with the secret. */
export const clientOf = (n: number) => ({
  id: `cl_${createHash('md5').update(`client${n}`).digest('base64url')}`,
  secret: `secret of the client ${n}`,
})

// What has a number has an id that is made of it, as random to an index as those the application makes.
const MD5 = (kind: string, n: string) => `md5('${kind}' || ${n})`
const UUID = (kind: string, n: string) => `${MD5(kind, n)}::uuid`
const CLIENT = (n: string) =>
  `'cl_' || rtrim(translate(encode(decode(${MD5('client', n)}, 'hex'), 'base64'), '+/', '-_'), '=')`
const MONTHLY = (kind: string, n: string, at: string) =>
  `(encode(int2send(month_of(${at})), 'hex') || left(${MD5(kind, n)}, 28))::uuid`
const RANDOM_32 = 'uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())'

// Days ago, the same for whatever has the same number: made at an even pace through the life of a grant, an hour short of it.
const MADE = (n: string) => `now() - interval '29 days 23 hours' * (hashint4(${n}) / 4294967296.0 + 0.5)`

const USERS = `
  INSERT INTO users (tenant_id, id, username, email, email_verified_at, name, created_at, updated_at)
  SELECT $1, ${UUID('user', 'n')}, 'filled' || n || '@example.com', 'filled' || n || '@example.com', at, 'User number ' || n, at, at
    FROM (SELECT n, now() - interval '400 days' * random() AS at FROM generate_series($2::int, $3::int) AS n)`

const CREDENTIALS = `
  INSERT INTO credentials (tenant_id, id, user_id, kind, secret)
  SELECT $1, gen_random_uuid(), ${UUID('user', 'n')}, 'password', $4 FROM generate_series($2::int, $3::int) AS n`

const CLIENTS = `
  INSERT INTO clients (tenant_id, id, name, public, first_party, grant_types, secret_hashes)
  SELECT $1, ${CLIENT('n')}, 'Client number ' || n, n < $4, n < $4,
         ARRAY[CASE WHEN n < $4 THEN 'refresh_token' ELSE 'client_credentials' END],
         CASE WHEN n < $4 THEN '{}' ELSE ARRAY[sha256(convert_to('secret of the client ' || n, 'UTF8'))] END
    FROM generate_series($2::int, $3::int) AS n`

const CLIENT_APIS = `
  INSERT INTO client_apis (tenant_id, client_id, api_id) SELECT $1, ${CLIENT('n')}, $4 FROM generate_series($2::int, $3::int) AS n`

// Two browsers a user.
const SESSIONS = `
  INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, amr, auth_time, used_at, idle, created_at, expires_at,
                        user_agent, address)
  SELECT $1, month_of(ends), ${MONTHLY('session', 'n', 'ends')}, ${RANDOM_32}, ${UUID('user', 'n / 2')}, 0, '{pwd}', at,
         greatest(at, now() - interval '6 days' * random()), 604800, at, ends,
         'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36', '192.0.2.1'
    FROM (SELECT n, at, at + interval '30 days' AS ends
            FROM (SELECT n, ${MADE('n')} AS at FROM generate_series($2::int, $3::int) AS n))`

const CONSENTS = `
  INSERT INTO consents (tenant_id, user_id, client_id, api_id, scope)
  SELECT $1, ${UUID('user', 'n / 2')}, ${CLIENT('($4 + n) % $5')}, $6, '{orders:read,orders:write}' FROM generate_series($2::int, $3::int) AS n
  ON CONFLICT DO NOTHING`

// Six of a user's ten grants began in one of two browsers, four elsewhere. Refreshed up to forty times, the last time within the idle
// lifetime; what the access token of that time left in \`live\` stays until the next.
const GRANTS = `
  INSERT INTO grants (tenant_id, month, id, user_id, client_id, session_id, secret, revision, scope, apis, amr, auth_time, generation,
                      refresh_id, refreshed_at, spent_at, live, idle, created_at, expires_at)
  SELECT $1, month_of(ends), ${MONTHLY('grant', 'n', 'ends')}, ${UUID('user', 'n / 10')}, ${CLIENT('n % $4')},
         CASE WHEN n % 10 < 6 THEN ${MONTHLY('session', 'session', `began + interval '30 days'`)} END,
         ${RANDOM_32}, 0, '{orders:read,orders:write}', ARRAY[$5], '{pwd}', at, generation,
         CASE WHEN generation > 0 THEN gen_random_uuid() END, refreshed,
         (ARRAY[${[0, 1, 2, 3, 4, 5, 6, 7].map((hours) => `refreshed - interval '${hours} hours'`)}])[1:least(generation, 8)],
         ARRAY[((extract(epoch FROM refreshed)::bigint + 300) << 30) + n % 1048576], 604800, at, ends
    FROM (SELECT n, session, at, at + interval '30 days' AS ends, generation, ${MADE('session')} AS began,
                 CASE WHEN generation = 0 THEN greatest(at, now() - interval '6 days') ELSE greatest(at, now() - interval '6 days' * random()) END AS refreshed
            FROM (SELECT n, n / 10 * 2 + n % 2 AS session, ${MADE('n')} AS at, (random() * 40)::int AS generation
                    FROM generate_series($2::int, $3::int) AS n))`

// One for every other grant: those of older months are in partitions that nothing reads.
const AUDIT = `
  INSERT INTO audit_events (tenant_id, month, type, actor, subject)
  SELECT $1, month_of(now()), 'grant.made', jsonb_build_object('kind', 'user', 'id', ${UUID('user', 'n / 5')}),
         jsonb_build_object('user', ${UUID('user', 'n / 5')}, 'client', ${CLIENT('n % $4')}, 'grant', gen_random_uuid())
    FROM generate_series($2::int, $3::int) AS n`

const CHUNK = 50_000
/** As many as the machine that this is for has cores. */
const WRITERS = 2

type Filling = { readonly text: string; readonly rows: number; readonly values?: readonly unknown[] }

/** Rows as the application leaves them, and as Postgres keeps them once autovacuum has been there. */
export async function fill(stage: Stage, { grants, users, clients }: Size): Promise<void> {
  const { tenantId, api } = stage
  const passwords = createPasswordHasher({ ...CHEAP, processes: 1, queueLimit: 1 })
  const hash = await passwords.hash(FILL_PASSWORD)
  await passwords.close()
  const writers = await Promise.all(Array.from({ length: WRITERS }, () => unlimited(stage)))
  const [first] = writers
  if (!first) return
  try {
    await untilPartitioned(first)
    // Nothing is lost that could not be filled again.
    for (const each of FAST) await first.query(`ALTER SYSTEM SET ${each}`)
    await first.query('SELECT pg_reload_conf()')
    // Foreign keys are triggers: every row fits, and a look-up for each would take longer than the rows.
    for (const writer of writers)
      await writer.query('SET session_replication_role = replica; SET synchronous_commit = off')
    const steps: Filling[] = [
      { text: CLIENTS, rows: clients, values: [APPS] },
      { text: CLIENT_APIS, rows: clients, values: [api.id] },
      { text: USERS, rows: users },
      { text: CREDENTIALS, rows: users, values: [hash] },
      { text: SESSIONS, rows: 2 * users },
      { text: CONSENTS, rows: 2 * users, values: [APPS, clients, api.id] },
      { text: GRANTS, rows: grants, values: [APPS, api.id] },
      { text: AUDIT, rows: grants / 2, values: [APPS] },
    ]
    for (const step of steps) await write(writers, tenantId, step)
    await first.query('ALTER SYSTEM RESET ALL')
    await first.query('SELECT pg_reload_conf()')
    await first.query('VACUUM (ANALYZE)')
    await first.query('CHECKPOINT')
  } finally {
    for (const writer of writers) await writer.end()
  }
}

const FAST = ["max_wal_size = '4GB'", "checkpoint_timeout = '1h'", 'full_page_writes = off', 'autovacuum = off']

/** A connection for what takes minutes. */
export async function unlimited({ connection }: Pick<Stage, 'connection'>): Promise<pg.Client> {
  const client = new pg.Client(connection)
  await client.connect()
  return client
}

/** The server makes the months' partitions when it has started; what is written before lands elsewhere. */
async function untilPartitioned(client: pg.Client): Promise<void> {
  const text = `
    SELECT count(to_regclass(parent || '_m' || month)) = count(*) AS done
      FROM unnest(ARRAY['grants', 'sessions']) AS parent, generate_series(month_of(now())::int, month_of(now() + interval '30 days')::int) AS month`
  while (!(await client.query(text)).rows[0].done) await wait(50)
}

async function write(
  writers: readonly pg.Client[],
  tenantId: string,
  { text, rows, values = [] }: Filling,
): Promise<void> {
  let next = 0
  await Promise.all(
    writers.map(async (writer) => {
      while (next < rows) {
        const from = next
        next += CHUNK
        await writer.query(text, [tenantId, from, Math.min(next, rows) - 1, ...values])
      }
    }),
  )
}
