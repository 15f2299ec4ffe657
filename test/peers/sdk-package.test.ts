import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changed } from '../support/changed.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { type Issuer, issuerAt, type Party, tokensOf } from '../support/issuer.js'
import { registerApi, registerClient } from '../support/registrations.js'
import { emptyProject, packSdk, type SdkApps, startSdkApps } from '../support/sdk-project.js'
import { installation, startServer, stopServers } from '../support/server.js'

// The package as npm installs it, with the frameworks of the registry, under each Node that it says it runs on.

const run = promisify(execFile)
const PLATFORM = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const QUIET = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
const AUDIENCE = 'https://orders.example'
const FRAMEWORKS = ['express', 'fastify', 'hono', 'bare'] as const

const { folder, remove } = emptyProject()
const bin = join(folder, 'node_modules/.bin')
let decryptionKeys: readonly object[]
let database: TestDatabase
let issuer: Issuer
let api: { readonly id: string; readonly secret: string }
let service: Party

/** As a user's shell: nothing of the npm that runs these tests. */
const shell = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
const npm = (cwd: string, ...packages: string[]) => run('npm', ['install', ...QUIET, ...packages], { cwd, env: shell })

beforeAll(async () => {
  const tarball = await packSdk(folder)
  await npm(folder, tarball, 'express', 'express-4@npm:express@4', 'fastify', 'hono', '@hono/node-server')
  const keygen = ['@bulla/resource-server', 'keygen', '--out', 'private.jwk.json']
  const { stdout } = await run('npx', ['--no-install', ...keygen], { cwd: folder, env: shell })
  expect(JSON.parse(stdout).keys).toHaveLength(1)
  decryptionKeys = [JSON.parse(readFileSync(join(folder, 'private.jwk.json'), 'utf8'))]

  database = await testDatabase()
  const env = await installation(database.url)
  const { url } = await startServer({ ...env, PORT: new URL(env['PUBLIC_URL'] ?? '').port }, 'ignore')
  issuer = issuerAt(url, env['PUBLIC_URL'] ?? '')
  writeFileSync(join(folder, 'jwks.json'), stdout)
  const scopes = ['--scope', 'orders:read', '--scope', 'orders:write']
  const made = await registerApi(env, AUDIENCE, ...scopes, '--jwks', join(folder, 'jwks.json'))
  api = { id: made.id, secret: String(made.secret) }
  service = await registerClient(env, '--grant', 'client_credentials', '--api', AUDIENCE)
}, 300_000)
afterAll(async () => {
  await stopServers()
  await database?.drop()
  remove()
})

/** What runs JavaScript, of the registry, beside the project: its packages stay as they are. */
async function runtimeOf(name: string, version: string): Promise<string> {
  const place = join(folder, `runtime-${name.replace(/\W/g, '-')}-${version}`)
  mkdirSync(place)
  writeFileSync(join(place, 'package.json'), '{ "private": true }\n')
  await npm(place, `${name}@${version}`)
  return join(place, 'node_modules', name)
}

const nodeOf = async (major: number) => join(await runtimeOf(`node-${PLATFORM}`, String(major)), 'bin/node')

const RUNTIMES = [
  { name: 'Node 20', says: /^v20\./, command: async () => [await nodeOf(20)] as const },
  { name: 'Node 22', says: /^v22\./, command: async () => [await nodeOf(22)] as const },
  { name: 'Node 24', says: /^v24\./, command: async () => [await nodeOf(24)] as const },
  {
    name: 'Bun',
    says: /^1\./,
    command: async () => [join(await runtimeOf(`@oven/bun-${PLATFORM}`, '1'), 'bin/bun')] as const,
  },
  {
    name: 'Deno',
    says: /^deno 2\./,
    command: async () => [join(await runtimeOf(`@deno/${PLATFORM}-glibc`, '2'), 'deno'), 'run', '--allow-all'] as const,
  },
]

it('installs with jose and nothing else', () => {
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'))
  const dependenciesOf = (name: string) => Object.keys(lock.packages[`node_modules/${name}`].dependencies ?? {})
  expect(dependenciesOf('@bulla/resource-server')).toEqual(['jose'])
  expect(dependenciesOf('jose')).toEqual([])
})

it('protects a route of Express 4', async () => {
  const options = JSON.stringify({ issuer: 'http://127.0.0.1:9', audience: AUDIENCE, decryptionKeys })
  const code = `
    import { createVerifier } from '@bulla/resource-server'
    import express from 'express-4'
    const bulla = await createVerifier(${options})
    const app = express()
    app.use(bulla.serveWellKnown())
    app.use('/api', express.Router().get('/orders', bulla.require({ scope: 'orders:read' }), (req, res) => res.json('in')))
    const server = app.listen(0, '127.0.0.1', async () => {
      const { status, headers } = await fetch('http://127.0.0.1:' + server.address().port + '/api/orders')
      console.log(status, headers.get('www-authenticate'))
      process.exit()
    })`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: folder })
  expect(stdout).toMatch(/^401 Bearer /)
})

it('is required by CommonJS', async () => {
  const code = "console.log(Object.keys(require('@bulla/resource-server')).join(' '))"
  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '-e', code], { cwd: folder })
  expect(stdout.trim()).toBe('VerifyError createVerifier')
})

describe.each(RUNTIMES)('under $name', ({ name: runtime, says, command }) => {
  let engine: readonly [string, ...string[]]
  let apps: SdkApps
  beforeAll(async () => {
    engine = await command()
    const options = { issuer: issuer.issuer, audience: AUDIENCE, decryptionKeys, credentials: api }
    apps = await startSdkApps(folder, options, engine)
  }, 300_000)
  afterAll(() => apps?.stop())

  it('is what it is said to be', async () => {
    expect((await run(engine[0], ['--version'])).stdout).toMatch(says)
  })

  it.each(FRAMEWORKS)('lets a good token into a route of %s until it is revoked', async (name) => {
    const url = `http://127.0.0.1:${apps.ports[name]}/orders`
    const token = tokensOf(await issuer.clientCredentials(service, { scope: 'orders:read' })).access_token
    const call = (by: string) => fetch(url, { headers: { authorization: `Bearer ${by}` } })
    await eventually(async () => expect((await call(token)).status).toBe(200))
    expect(await (await call(token)).text()).toContain(service.id)
    const narrow = tokensOf(await issuer.clientCredentials(service, { scope: 'orders:write' })).access_token
    expect((await call(narrow)).status).toBe(403)
    expect((await call(changed(token))).status).toBe(401)
    await issuer.revoke(service, token)
    await eventually(async () => expect((await call(token)).status).toBe(401))
  })

  it.each(FRAMEWORKS)('answers who has no token, in %s', async (name) => {
    const url = `http://127.0.0.1:${apps.ports[name]}`
    const none = await fetch(`${url}/orders`)
    expect({ status: none.status, body: await none.text() }).toEqual({ status: 401, body: '' })
    expect(none.headers.get('www-authenticate')).toMatch(
      /^Bearer .*resource_metadata="https:\/\/orders\.example\/\.well-known\/oauth-protected-resource"/,
    )
    expect(none.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
    const metadata = await fetch(`${url}/.well-known/oauth-protected-resource`)
    expect(metadata.headers.get('access-control-allow-origin')).toBe('*')
    expect(await metadata.json()).toMatchObject({ resource: AUDIENCE, authorization_servers: [issuer.issuer] })
    const head = await fetch(`${url}/orders`, { method: 'HEAD' })
    expect(head.status).toBe(401)
    expect((await fetch(`${url}/nowhere`)).status).toBe(404)
  })

  it('makes keys, and none over those that are there', async () => {
    const [program, ...args] = engine
    const cli = [...args, join(bin, 'bulla-resource-server'), 'keygen', '--out', `key ${runtime}.json`]
    expect(JSON.parse((await run(program, cli, { cwd: folder })).stdout).keys).toHaveLength(1)
    await expect(run(program, cli, { cwd: folder })).rejects.toMatchObject({ code: 1 })
  })
})
