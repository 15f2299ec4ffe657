import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createLogoutDelivery,
  type LogoutDeliveryJob,
  type LogoutOutcome,
  type PostForm,
} from '../../src/jobs/logout-delivery.js'
import { createFetcher } from '../../src/outbound/fetch.js'
import { createEndings } from '../../src/store/endings.js'
import { createGrants } from '../../src/store/grants.js'
import { createLogoutDeliveries } from '../../src/store/logout-deliveries.js'
import { deliveriesOf } from '../support/endings.js'
import { eventually } from '../support/eventually.js'
import {
  makeClient,
  makeGrant,
  makeSession,
  makeUser,
  operator,
  type Stage,
  setStage,
  type World,
} from '../support/fixtures.js'
import { recordingLog } from '../support/keys.js'
import { type LogoutReceiver, logoutReceiver } from '../support/logout-receiver.js'
import { clientLike, PLAIN_OPENID } from '../support/ports.js'

let stage: Stage
let app: LogoutReceiver
const jobs: LogoutDeliveryJob[] = []
beforeAll(async () => {
  stage = await setStage()
})
afterAll(() => stage.close())
beforeEach(async () => {
  app = await logoutReceiver()
})
afterEach(async () => {
  for (const job of jobs.splice(0)) await job.stop()
  await stage.pool.query('TRUNCATE logout_deliveries')
  await app.close()
})

type Options = { postForm?: PostForm; allow?: string[]; pool?: pg.Pool; uris?: Record<string, string> }

/** What one process has of it; nothing is signed here, a token says what it would hold. */
function delivery({ allow = ['127.0.0.0/8'], pool = stage.pool, uris = {}, ...options }: Options = {}) {
  const log = recordingLog()
  const outcomes: LogoutOutcome[] = []
  const fetcher = createFetcher({ allow, userAgent: 'bulla' })
  const worlds = [stage.ours, stage.theirs]
  const job = createLogoutDelivery({
    deliveries: createLogoutDeliveries({ pool }),
    postForm: options.postForm ?? fetcher.postForm,
    log,
    now: () => 1_800_000_000,
    count: (outcome) => outcomes.push(outcome),
    random: () => 0.5,
    subjects: { of: async ({ userId }) => `subject of ${userId}` },
    jwtSigner: { keyId: async () => 'k', sign: async (_tenant, _header, payload) => JSON.stringify(payload) },
    tenants: {
      find: async (slug = '') => {
        const found = worlds.find(({ tenant }) => tenant.slug === slug)?.tenant
        return (
          found && {
            ...found,
            name: '',
            branding: {},
            issuer: `https://id.example/t/${slug}`,
            maxTokenLifetime: 300,
            disabled: false,
          }
        )
      },
    },
    clients: {
      allowsOrigin: async () => false,
      find: async (tenantId, id) =>
        id.startsWith('gone')
          ? undefined
          : { ...clientLike(id, tenantId), openid: { ...PLAIN_OPENID, backchannelLogoutUri: uris[id] ?? app.url } },
    },
  })
  jobs.push(job)
  return { job, log, outcomes }
}

/** A session of a new user with a grant of each client, and its end. */
async function signedIn(of: World, clients: readonly { id: string }[]) {
  const world = { ...of, user: await makeUser(stage.pool, of.tenant.id) }
  const session = await makeSession(stage.pool, world)
  for (const client of clients) await makeGrant(createGrants(stage), { ...world, client }, { sessionId: session })
  const end = () => {
    const own = { id: session, userId: world.user.id }
    return createEndings(stage).endSession(world.tenant.id, own, { reason: 'signed_out', by: operator })
  }
  return { world, session, end }
}

const newClient = (of: World, columns = {}) =>
  makeClient(stage.pool, of.tenant.id, { backchannel_logout_uri: app.url, ...columns })
const dueNow = () => stage.pool.query("UPDATE logout_deliveries SET due_at = clock_timestamp() - interval '1 second'")

/** One client of one session that has ended. */
async function ended(of: World = stage.ours) {
  const client = await newClient(of)
  const signed = await signedIn(of, [client])
  await signed.end()
  return { ...signed, client }
}

describe('a client', () => {
  it('is told at once that a session is over, by a form with a logout token and nothing else', async () => {
    const { job, log, outcomes } = delivery()
    const client = await newClient(stage.ours)
    const { session, world, end } = await signedIn(stage.ours, [client])
    await end()
    // No timer runs here: nothing but this starts a try.
    job.kick()
    await eventually(async () => expect(await deliveriesOf(stage.pool, session)).toEqual([]))
    const [request, ...more] = app.received
    expect(more).toEqual([])
    expect(request).toMatchObject({ method: 'POST', url: '/logout' })
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    const form = new URLSearchParams(request?.body)
    expect([...form.keys()]).toEqual(['logout_token'])
    expect(JSON.parse(form.get('logout_token') ?? '')).toMatchObject({
      iss: `https://id.example/t/${world.tenant.slug}`,
      aud: client.id,
      sub: `subject of ${world.user.id}`,
      sid: Buffer.from(session.replaceAll('-', ''), 'hex').toString('base64url'),
    })
    await eventually(() => expect(outcomes).toEqual(['told']))
    expect(log.lines).toMatchObject([{ level: 'info', client: client.id, session }])
  })

  it('of another tenant is told in the name of its own issuer', async () => {
    const { session, world } = await ended(stage.theirs)
    await ended(stage.ours)
    await delivery().job.run()
    await eventually(async () => expect(await deliveriesOf(stage.pool, session)).toEqual([]))
    await eventually(() => expect(app.received).toHaveLength(2))
    const tokens = app.received.map(({ body }) => JSON.parse(new URLSearchParams(body).get('logout_token') ?? ''))
    expect(tokens.find(({ sub }) => sub.endsWith(world.user.id)).iss).toBe(
      `https://id.example/t/${stage.theirs.tenant.slug}`,
    )
  })

  it.each([200, 204])('that answers %i knows', async (status) => {
    app.answer((response) => response.writeHead(status).end())
    const { session } = await ended()
    await delivery().job.run()
    await eventually(async () => expect(await deliveriesOf(stage.pool, session)).toEqual([]))
  })

  it('that says the token is wrong is not asked again', async () => {
    app.answer((response) => response.writeHead(400).end('{"error":"secret of the app"}'))
    const { session } = await ended()
    const { job, log, outcomes } = delivery()
    await job.run()
    await eventually(async () => expect(await deliveriesOf(stage.pool, session)).toEqual([]))
    // What became of it is counted once its row is gone.
    await eventually(() => expect(outcomes).toEqual(['refused']))
    // What it answered is nobody's to read here.
    expect(JSON.stringify(log.lines)).not.toContain('secret of the app')
  })

  it.each([201, 302, 303, 307, 308, 401, 404, 429, 500, 502, 503])(
    'that answers %i is tried again later',
    async (status) => {
      const inner = await logoutReceiver()
      app.answer((response) => response.writeHead(status, { location: inner.url }).end('secret of the app'))
      const { session } = await ended()
      const { job, log, outcomes } = delivery()
      await job.run()
      await eventually(() => expect(outcomes).toEqual(['postponed']))
      expect(await deliveriesOf(stage.pool, session)).toMatchObject([{ tries: 1 }])
      expect(inner.received).toEqual([])
      expect(JSON.stringify(log.lines)).not.toContain('secret of the app')
      await inner.close()
    },
  )

  it('is tried with growing pauses, until it answers', async () => {
    app.answer((response, nth) => response.writeHead(nth < 4 ? 503 : 200).end())
    const { session } = await ended()
    const { job, outcomes } = delivery()
    const pauses: number[] = []
    for (let tries = 1; tries <= 3; tries++) {
      await job.run()
      await eventually(() => expect(outcomes).toHaveLength(tries))
      const { rows } = await stage.pool.query(
        'SELECT extract(epoch FROM due_at - clock_timestamp()) AS pause FROM logout_deliveries WHERE session_id = $1',
        [session],
      )
      pauses.push(Math.round(Number(rows[0]?.pause)))
      // It is not due: nobody asks.
      await job.run()
      expect(app.received).toHaveLength(tries)
      await dueNow()
    }
    expect(pauses).toEqual([5, 15, 45])
    await job.run()
    await eventually(async () => expect(await deliveriesOf(stage.pool, session)).toEqual([]))
    const ids = app.received.map(({ body }) => JSON.parse(new URLSearchParams(body).get('logout_token') ?? '').jti)
    expect(new Set(ids).size).toBe(4)
  })

  it('that did not answer for a day is given up', async () => {
    app.answer((response) => response.writeHead(503).end())
    const { session } = await ended()
    await stage.pool.query(
      "UPDATE logout_deliveries SET created_at = clock_timestamp() - interval '23 hours 59 minutes 58 seconds'",
    )
    const { job, outcomes } = delivery()
    await job.run()
    await eventually(() => expect(outcomes).toEqual(['given_up']))
    expect(await deliveriesOf(stage.pool, session)).toEqual([])
  })

  it('that can not be reached, or is somewhere it must not be, is not asked, and tried again', async () => {
    const { session, client } = await ended()
    for (const uri of [
      'http://127.0.0.1:1/',
      app.url.replace('127.0.0.1', '[::1]'),
      'http://169.254.169.254/',
      'ftp://app.example/',
    ]) {
      const { job, outcomes } = delivery({ uris: { [client.id]: uri } })
      await job.run()
      await eventually(() => expect(outcomes).toEqual(['postponed']))
      await dueNow()
    }
    // Nothing is opened: the address of the app is private.
    const { job, log, outcomes } = delivery({ allow: [] })
    await job.run()
    await eventually(() => expect(outcomes).toEqual(['postponed']))
    expect(log.lines[0]?.['reason']).toContain('The address is not public')
    expect(app.received).toEqual([])
    expect(await deliveriesOf(stage.pool, session)).toHaveLength(1)
  })

  it('that is gone, or no longer asks to be told, is not', async () => {
    const gone = await newClient(stage.ours, { id: `gone-${Math.random()}` })
    const { session, end } = await signedIn(stage.ours, [gone])
    await end()
    const { job, outcomes } = delivery()
    await job.run()
    await eventually(() => expect(outcomes).toEqual(['unwanted']))
    expect(await deliveriesOf(stage.pool, session)).toEqual([])
    expect(app.received).toEqual([])
  })

  it('that is slow keeps no other waiting', async () => {
    const slow = await newClient(stage.ours)
    const fast = await newClient(stage.ours)
    const hanging: (() => void)[] = []
    const quick = await logoutReceiver()
    app.answer((response) => hanging.push(() => response.end()))
    await stage.pool.query(
      `INSERT INTO logout_deliveries (tenant_id, session_id, client_id, user_id)
       SELECT $1, gen_random_uuid(), $2, gen_random_uuid() FROM generate_series(1, 80)`,
      [stage.ours.tenant.id, slow.id],
    )
    const { job, outcomes } = delivery({
      uris: { [fast.id]: quick.url.replace('127.0.0.1', 'localhost') },
      allow: ['127.0.0.0/8', '::1'],
    })
    await job.run()
    const { end } = await signedIn(stage.ours, [fast])
    await end()
    job.kick()
    await eventually(() => expect(outcomes).toEqual(['told']))
    expect(quick.received).toHaveLength(1)
    const answering = setInterval(() => {
      for (const answer of hanging.splice(0)) answer()
    }, 5)
    await eventually(() => expect(outcomes).toHaveLength(81))
    clearInterval(answering)
    await quick.close()
  })
})

describe('a session that ended in a process that is gone', () => {
  it('is told by another: the word was left with the end itself', async () => {
    const client = await newClient(stage.ours)
    const { session, world } = await signedIn(stage.ours, [client])
    const script = `
      const pg = require(${JSON.stringify(createRequire(import.meta.url).resolve('pg'))})
      const pool = new pg.Pool(JSON.parse(process.argv[1]))
      pool.query('SELECT end_session($1, $2, $3, $4)', JSON.parse(process.argv[2])).then(() => process.kill(process.pid, 'SIGKILL'))`
    const values = [world.tenant.id, session, JSON.stringify(operator), 'signed_out']
    const child = spawn(process.execPath, [
      '-e',
      script,
      JSON.stringify(stage.database.connection),
      JSON.stringify(values),
    ])
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    await delivery().job.run()
    await eventually(async () => expect(await deliveriesOf(stage.pool, session)).toEqual([]))
    expect(app.received).toHaveLength(1)
  })

  it('is told again when that process had begun to, and its lease is over', async () => {
    const { session } = await ended()
    const dead = createLogoutDeliveries(stage)
    expect(await dead.claim({ lease: 30, limit: 10, busy: [] })).toHaveLength(1)
    const { job, outcomes } = delivery()
    await job.run()
    expect(await deliveriesOf(stage.pool, session)).toMatchObject([{ tries: 1 }])
    await dueNow()
    await job.run()
    await eventually(() => expect(outcomes).toEqual(['told']))
  })

  it('changes nothing when it comes back too late', async () => {
    const { session } = await ended()
    const store = createLogoutDeliveries(stage)
    const [late] = await store.claim({ lease: 30, limit: 10, busy: [] })
    await dueNow()
    const [current] = await store.claim({ lease: 30, limit: 10, busy: [] })
    if (!late || !current) throw new Error('It was to be claimed twice.')
    await store.done(late)
    expect(await store.later(late, { pause: 0, keep: 60 })).toBe('superseded')
    expect(await deliveriesOf(stage.pool, session)).toMatchObject([{ tries: 2 }])
    await store.done(current)
    expect(await deliveriesOf(stage.pool, session)).toEqual([])
  })
})

it('several processes tell each client once, and never at the same time', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => newClient(stage.ours)))
  const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => signedIn(stage.ours, clients)))
  await Promise.all(sessions.map(({ end }) => end()))
  const told: string[] = []
  const postForm: PostForm = async (_url, { form }) => {
    const { aud, sid } = JSON.parse(form['logout_token'] ?? '')
    told.push(`${aud} ${sid}`)
    await new Promise((resolve) => setImmediate(resolve))
    return 200
  }
  const pools = [1, 2, 3, 4].map(() => new pg.Pool({ ...stage.database.connection, max: 4 }))
  const processes = pools.map((pool) => delivery({ pool, postForm }))
  await Promise.all(processes.flatMap(({ job }) => [job.run(), job.kick(), job.run()]))
  await eventually(() => expect(processes.flatMap(({ outcomes }) => outcomes)).toHaveLength(100))
  expect(new Set(told).size).toBe(100)
  expect(told).toHaveLength(100)
  await Promise.all(processes.map(({ job }) => job.stop()))
  for (const pool of pools) await pool.end()
})
