import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { heldForm } from '../support/held-form.js'
import { expectInactive } from '../support/inactive.js'
import { removeData } from '../support/installation.js'
import { issuerAt, type Party, tokensOf } from '../support/issuer.js'
import { type Api, registerApi, registerClient } from '../support/registrations.js'
import {
  type Environment,
  embeddedInstallation,
  freePort,
  installation,
  type RunningServer,
  readiness,
  spawnServer,
  startServer,
  stopServers,
} from '../support/server.js'

/** The default, in milliseconds. */
const MAX_STALENESS = 5_000

let database: TestDatabase
let env: Environment
let server: RunningServer
let api: Api
let service: Party

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url, { WORKERS: '2', METRICS_PORT: String(await freePort()) })
  server = await startServer(env)
  api = await registerApi(env, 'https://orders.example')
  service = await registerClient(env, '--grant', 'client_credentials', '--api', api.identifier)
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

type Line = { readonly msg: string; readonly worker?: number; readonly route?: string; readonly status?: number }

const lines = ({ stdout }: RunningServer = server): Line[] =>
  stdout()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/** Which workers have answered at a route. */
const answeredAt = (route: string) => new Set(lines().flatMap((line) => (line.route === route ? [line.worker] : [])))

type Asked = { readonly path: string; readonly by?: Party; readonly form?: Readonly<Record<string, string>> }

/** One request on a connection of its own: workers take turns at connections. */
function ask({ path, by, form }: Asked): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const options = {
      agent: false,
      ...(by && { auth: `${by.id}:${by.secret}` }),
      ...(form && { method: 'POST', headers }),
    }
    const sent = request(`${server.url}${path}`, options, async (response) =>
      resolve({ status: response.statusCode, body: await text(response) }),
    )
    sent.on('error', reject)
    sent.end(form && new URLSearchParams(form).toString())
  })
}

const metrics = async () => (await fetch(`http://127.0.0.1:${env['METRICS_PORT']}/metrics`)).text()
const newToken = async () =>
  JSON.parse((await ask({ path: '/oauth2/token', by: service, form: { grant_type: 'client_credentials' } })).body)

type Process = { readonly pid: number; readonly parent: number; readonly command: string }

function processes(): Process[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', command = ''] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? []
    // Of a dead one nothing is left but its entry.
    return pid && !state.startsWith('Z') ? [{ pid: Number(pid), parent: Number(parent), command }] : []
  })
}

const workersOf = ({ process: { pid } }: RunningServer): number[] =>
  processes().flatMap((one) => (one.parent === pid && /worker\.js \d+$/.test(one.command) ? [one.pid] : []))

/** What a server has started, and what that has, but for Postgres. */
function familyOf({ process: { pid } }: RunningServer): number[] {
  const all = processes().filter(({ command }) => !/postgres/.test(command))
  const below = (parent: number): number[] =>
    all.flatMap((one) => (one.parent === parent ? [one.pid, ...below(one.pid)] : []))
  return below(pid ?? 0)
}

const alive = (pids: readonly number[]) => processes().flatMap(({ pid }) => (pids.includes(pid) ? [pid] : []))

describe('a server of two workers', () => {
  it('answers by both, says in the log by which, and shows what they count as one', async () => {
    const before = counted(await metrics())
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask({ path: '/jwks' })))
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    await expect.poll(() => answeredAt('jwks')).toEqual(new Set([1, 2]))
    const said = await metrics()
    expect(counted(said)).toBe(before + 8)
    expect(said).toContain('\nbulla_workers 2\n')
    // One series, whoever it is of.
    expect(said.match(/^bulla_view_age_seconds \S+$/gm)).toHaveLength(1)
    expect(said.match(/^process_cpu_seconds_total \S+$/gm)).toHaveLength(1)
  })

  const counted = (said: string): number =>
    Number(/^bulla_http_request_duration_seconds_count\{endpoint="jwks",status="200"\} (\d+)$/m.exec(said)?.[1] ?? 0)

  it('takes back at both what one was told to take back', async () => {
    const { access_token: token } = await newToken()
    const introspect = async () =>
      JSON.parse((await ask({ path: '/oauth2/introspect', by: api, form: { token } })).body)
    expect(await introspect()).toMatchObject({ active: true })
    await ask({ path: '/oauth2/revoke', by: service, form: { token } })
    // Workers take turns at connections: each is asked twice. The one that was not told hears of it within its bound.
    const isActive = async () => {
      const answers = []
      for (let turn = 0; turn < 4; turn++) answers.push(await introspect())
      return answers.some(({ active }) => active)
    }
    await expectInactive(isActive, MAX_STALENESS)
    await expect.poll(() => answeredAt('introspection').size).toBe(2)
  })

  it('replaces a worker that is killed, and goes on answering', async () => {
    const [victim = 0, other] = workersOf(server)
    process.kill(victim, 'SIGKILL')
    // What was on its way to the dead one is lost with it; once its end is known, all is answered.
    const replaced = expect.objectContaining({ msg: 'a worker ended and is replaced', ended: 'SIGKILL' })
    await expect.poll(lines).toContainEqual(replaced)
    await expect
      .poll(async () => {
        expect((await ask({ path: '/jwks' })).status).toBe(200)
        return (
          (await metrics()).includes('\nbulla_workers 2\n') && workersOf(server).filter((pid) => pid !== victim).length
        )
      })
      .toBe(2)
    expect(workersOf(server)).toContain(other)
  })

  it('comes back by itself when all of them are killed at once', async () => {
    const old = workersOf(server)
    for (const pid of old) process.kill(pid, 'SIGKILL')
    await expect.poll(() => workersOf(server).filter((pid) => !old.includes(pid)).length).toBe(2)
    await expect.poll(async () => (await metrics()).includes('\nbulla_workers 2\n')).toBe(true)
    expect((await ask({ path: '/jwks' })).status).toBe(200)
  })

  it('finishes what is in flight when a signal reaches all of its processes, and ends with 0', async () => {
    const form = { grant_type: 'client_credentials', client_id: service.id, client_secret: String(service.secret) }
    const held = await Promise.all(Array.from({ length: 4 }, () => heldForm(`${server.url}/oauth2/token`, form)))
    const family = familyOf(server)
    // As a terminal does.
    for (const pid of [...family, server.process.pid ?? 0]) process.kill(pid, 'SIGINT')
    await expect.poll(server.stdout).toContain('"stopping"')
    expect(await Promise.all(held.map(({ finish }) => finish()))).toEqual([200, 200, 200, 200])
    expect(await server.ended).toBe(0)
    expect(alive(family)).toEqual([])
    expect(lines().filter(({ msg }) => msg === 'stopping')).toHaveLength(1)
    expect(server.stderr()).toBe('')
  })

  it('ends at once when it is asked again', async () => {
    server = await startServer(env)
    const form = { grant_type: 'client_credentials' }
    const held = await heldForm(`${server.url}/oauth2/token`, form)
    const family = familyOf(server)
    await expect
      .poll(() => {
        server.process.kill('SIGTERM')
        return server.process.exitCode
      })
      .toBe(1)
    await expect.poll(() => alive(family)).toEqual([])
    await expect(held.finish()).rejects.toThrow()
  })
})

describe('the first process of a server with workers', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulla-workers-'))
  })
  afterAll(() => {
    removeData(join(folder, 'data'))
    rmSync(folder, { recursive: true, force: true })
  })

  it('leaves nobody behind when it is killed, and the next one goes on with its database', async () => {
    const its = await embeddedInstallation(join(folder, 'data'), { WORKERS: '2', PORT: String(await freePort()) })
    const first = await startServer(its)
    const client = await registerClient(its, '--public', '--first-party')
    const family = familyOf(first)
    expect(family.length).toBeGreaterThanOrEqual(2)
    await first.stop('SIGKILL')
    await expect.poll(() => alive(family)).toEqual([])
    const again = await startServer(its)
    expect(lines(again).filter(({ msg }) => msg === 'listening')).toHaveLength(1)
    const answer = await issuerAt(again.url, its['PUBLIC_URL'] ?? '').refresh(client, 'nothing')
    expect(() => tokensOf(answer)).toThrow('invalid_grant')
    expect(await again.stop()).toBe(0)
  })

  it('says once what is wrong with the configuration', async () => {
    const wrong = await spawnServer({ ...env, GRANT_LIFETIME: 'a month' })
    expect(await wrong.ended).toBe(1)
    expect(wrong.stderr().match(/GRANT_LIFETIME/g)).toHaveLength(1)
  })

  // That they have ended means that all who share their output have.
  it.each(['PORT', 'METRICS_PORT'])('says once that its %s is in use, and leaves nobody behind', async (setting) => {
    const stranger = createServer()
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const address = stranger.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const dataDir = join(folder, 'never')
    const { DATABASE_URL: _, ...embedded } = env
    // The one is taken before anything else is touched.
    const settings = setting === 'PORT' ? { ...embedded, DATA_DIR: dataDir } : env
    const refused = await spawnServer({ ...settings, [setting]: String(port) })
    expect(await refused.ended).toBe(1)
    expect(refused.stderr().trim()).toBe(
      `Port ${port} on 127.0.0.1 is in use by another program. Stop that, or set ${setting} to another one.`,
    )
    expect(existsSync(dataDir)).toBe(false)
    stranger.close()
  })

  it('answers 503 on its port until there is a database', async () => {
    const waiting = await spawnServer({ ...env, DATABASE_URL: 'postgresql://bulla:bulla@127.0.0.1:1/bulla' })
    await expect.poll(async () => (await readiness(waiting))?.body.reason).toMatch(/^waiting for the database: /)
    expect((await fetch(`${waiting.url}/oauth2/token`, { method: 'POST' })).status).toBe(503)
    expect(await waiting.stop()).toBe(0)
  })
})
