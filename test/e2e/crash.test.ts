import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { heldForm } from '../support/held-form.js'
import { expectInactive } from '../support/inactive.js'
import { removeData } from '../support/installation.js'
import { secretsIn } from '../support/issued-secrets.js'
import { type Answer, digest, everyRefusal, type Issuer, issuerAt, type Party, tokensOf } from '../support/issuer.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import {
  type Environment,
  embeddedInstallation,
  everythingSaid,
  freePort,
  installation,
  type RunningServer,
  startServer,
  stopServers,
} from '../support/server.js'

/** Milliseconds of MAX_STALENESS. */
const BOUND = 5_000

afterAll(stopServers)

type World = { readonly api: Api; readonly client: Party; readonly user: User }

async function register(env: Environment): Promise<World> {
  const [api, user] = await Promise.all([
    registerApi(env, 'https://orders.example', '--format', 'opaque'),
    registerUser(env, 'ann@example.com'),
  ])
  // However long a restart takes, a retry is inside the grace.
  const options = ['--public', '--first-party', '--api', api.identifier, '--grace', '300']
  return { api, client: await registerClient(env, ...options), user }
}

/** One sign-in, and the last tokens that were acknowledged to its owner. */
type Lineage = { access: string; refresh: string; state: 'live' | 'ending' | 'ended' }

const grantOf = ({ refresh }: Lineage) => Buffer.from(refresh, 'base64url').subarray(2, 18).toString('base64url')

/** Whether an answer says nothing of the token: none came, or one that asks to try again. */
const isLost = (answer: Answer | undefined): answer is undefined => answer === undefined || answer.status === 503

/**
 * Signs in `width` times, refreshes each sign-in without a pause at one server after the other, ends one now and then, and asks for
 * the revision of the list all the while. Who gets no answer tries again with what they have.
 */
async function startStorm({ api, client, user }: World, issuers: readonly Issuer[], width = 12) {
  const at = (turn: number) => issuers[turn % issuers.length] as Issuer
  const lineages: Lineage[] = []
  for (let index = 0; index < width; index++) {
    const { access_token: access, refresh_token: refresh } = tokensOf(await at(index).login(client, user))
    lineages.push({ access, refresh, state: 'live' })
  }
  const revisions: number[] = []
  let [acknowledged, over] = [0, false]

  async function refresh(lineage: Lineage, first: number): Promise<void> {
    for (let turn = first; !over; turn++) {
      const answer = await at(turn)
        .refresh(client, lineage.refresh)
        .catch(() => undefined)
      if (isLost(answer)) {
        await wait(20)
      } else if (answer.status === 200) {
        const { access_token, refresh_token } = tokensOf(answer)
        Object.assign(lineage, { access: access_token, refresh: refresh_token })
        acknowledged += 1
      } else {
        // Nobody is logged out whom nobody ended.
        if (lineage.state !== 'live') return
        throw new Error(`A live refresh token was answered ${answer.status} ${JSON.stringify(answer.body)}`)
      }
    }
  }

  async function end(lineage: Lineage, turn: number): Promise<void> {
    lineage.state = 'ending'
    for (let next = turn; lineage.state === 'ending'; next++) {
      const answer = await at(next)
        .revoke(client, lineage.refresh)
        .catch(() => undefined)
      if (isLost(answer)) await wait(20)
      else lineage.state = 'ended'
    }
  }

  async function watch(): Promise<void> {
    for (let turn = 0; !over; turn++) {
      const list = await at(turn)
        .list(api)
        .catch(() => undefined)
      if (list) revisions.push(list.revision)
      await wait(20)
    }
  }

  async function endSome(): Promise<void> {
    for (const lineage of lineages.slice(0, width / 2)) {
      await more(20)
      await end(lineage, acknowledged)
    }
  }

  /** Waits until so many more refreshes were acknowledged. */
  async function more(count: number): Promise<void> {
    for (const until = acknowledged + count; acknowledged < until && !over; ) await wait(5)
  }

  const everybody = Promise.all([...lineages.map(refresh), endSome(), watch()])
  // Nobody waits for more of a storm in which somebody found a fault; `settle` tells it.
  everybody.catch(() => {
    over = true
  })
  return {
    more,
    acknowledged: () => acknowledged,
    /** Ends the storm, and looks whether everything that was acknowledged holds at every server. */
    async settle(): Promise<void> {
      while (lineages.filter(({ state }) => state === 'ended').length < width / 2 && !over) await wait(5)
      over = true
      await everybody
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
      expect(revisions.length).toBeGreaterThan(2)
      for (const issuer of issuers) {
        const listed = new Set((await issuer.list(api)).entries.map(({ d }) => d))
        for (const lineage of lineages) {
          const isEnded = lineage.state === 'ended'
          const active = async () => (await issuer.introspect(api, lineage.access))['active']
          if (isEnded) await expectInactive(active, BOUND)
          else expect(await active()).toBe(true)
          const answer = await issuer.refresh(client, lineage.refresh)
          expect(answer).toMatchObject(isEnded ? { status: 400, body: { error: 'invalid_grant' } } : { status: 200 })
          expect(listed.has(digest('grant', grantOf(lineage)))).toBe(isEnded)
          if (!isEnded) lineage.refresh = tokensOf(answer).refresh_token
        }
      }
    },
  }
}

describe('two servers', () => {
  let database: TestDatabase
  let env: Environment
  let world: World
  let ports: string[]

  beforeAll(async () => {
    database = await testDatabase()
    env = await installation(database.url)
    ports = [String(await freePort()), String(await freePort())]
    const server = await start(0)
    world = await register(env)
    await server.stop()
  })
  afterAll(() => database.drop())

  const start = (index: number) => startServer({ ...env, PORT: ports[index] ?? '' })
  const issuerOf = ({ url }: RunningServer) => issuerAt(url, env['PUBLIC_URL'] ?? '')

  it('lose nothing that was acknowledged when one is killed and comes back', async () => {
    const [one, two] = await Promise.all([start(0), start(1)])
    const storm = await startStorm(world, [issuerOf(one), issuerOf(two)])
    await storm.more(40)
    await one.stop('SIGKILL')
    await storm.more(40)
    const again = await start(0)
    await storm.more(40)
    await storm.settle()
    expect(await Promise.all([again.stop(), two.stop()])).toEqual([0, 0])
  })

  it('lose nothing when both are killed at the same moment', async () => {
    const [one, two] = await Promise.all([start(0), start(1)])
    const storm = await startStorm(world, [issuerOf(one), issuerOf(two)])
    await storm.more(60)
    await Promise.all([one.stop('SIGKILL'), two.stop('SIGKILL')])
    const again = await Promise.all([start(0), start(1)])
    await storm.more(40)
    await storm.settle()
    await Promise.all(again.map((server) => server.stop()))
  })

  it('answer what is in flight when they are asked to stop, and end with 0', async () => {
    const [one, two] = await Promise.all([start(0), start(1)])
    const issuers = [issuerOf(one), issuerOf(two)]
    const storm = await startStorm(world, issuers)
    const held = []
    for (const issuer of [...issuers, ...issuers, ...issuers]) {
      const { refresh_token } = tokensOf(await issuer.login(world.client, world.user))
      held.push(await hold(`${issuer.url}/oauth2/token`, { client: world.client, refresh_token }))
    }
    await storm.more(40)
    const ended = [one.stop(), two.stop()]
    await Promise.all([one, two].map((server) => expect.poll(server.stdout).toContain('"stopping"')))
    expect(await Promise.all(held.map((request) => request.finish()))).toEqual(held.map(() => 200))
    expect(await Promise.all(ended)).toEqual([0, 0])
    // What they did was heard of, to the last answer.
    const done = [one, two].flatMap(
      (server) => server.stdout().match(/"route":"token","tenant":"[^"]+","status":200/g) ?? [],
    )
    await expect.poll(storm.acknowledged).toBe(done.length - held.length)

    const again = await Promise.all([start(0), start(1)])
    await storm.more(40)
    await storm.settle()
    await Promise.all(again.map((server) => server.stop()))
  })
})

describe('a server with the embedded Postgres', () => {
  let folder: string
  let dataDir: string
  let env: Environment

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bulla-crash-'))
    dataDir = join(folder, 'data')
    env = await embeddedInstallation(dataDir, { PORT: String(await freePort()) })
  })
  afterAll(() => {
    removeData(dataDir)
    rmSync(folder, { recursive: true, force: true })
  })

  const postmaster = () => Number(readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])

  it('recovers by itself from a power cut in the middle of a storm', async () => {
    const server = await startServer(env)
    const issuer = issuerAt(server.url, env['PUBLIC_URL'] ?? '')
    const storm = await startStorm(await register(env), [issuer])
    await storm.more(60)
    const pid = postmaster()
    const ended = server.stop('SIGKILL')
    process.kill(pid, 'SIGKILL')
    await ended
    const again = await startServer(env)
    expect(postmaster()).not.toBe(pid)
    await storm.more(40)
    // The database alone is killed: the server is there all the while, and starts it again.
    process.kill(postmaster(), 'SIGKILL')
    await storm.more(40)
    await storm.settle()
    expect(await again.stop()).toBe(0)
    expect(postmaster).toThrow(/ENOENT/)
  })
})

it('writes none of all these secrets, neither to a log nor in a refusal', () => {
  const { found, of } = secretsIn(everythingSaid() + everyRefusal())
  expect(of).toBeGreaterThan(5)
  expect(found).toEqual([])
})

/** A refresh that the server has read the head of, and waits for the body of. */
const hold = (url: string, { client, refresh_token }: { client: Party; refresh_token: string }) =>
  heldForm(url, { grant_type: 'refresh_token', client_id: client.id, refresh_token })
