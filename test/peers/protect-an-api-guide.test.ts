import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from '../support/code-blocks.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { type Issuer, issuerAt, type Party, tokensOf } from '../support/issuer.js'
import { registerClient, registerUser, type User } from '../support/registrations.js'
import { emptyProject, packSdk } from '../support/sdk-project.js'
import { admin, type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'

// The reader has npm, curl and a server: everything else is in the guide.

const run = promisify(execFile)
const IDENTIFIER = 'https://orders.example.com'
const QUIET = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
const blocks = codeBlocks('docs/guides/protect-an-api.md')
const block = (name: string) => blocks.find(({ file }) => file === name)?.text ?? ''
const { folder, remove } = emptyProject()
const stops: (() => Promise<unknown>)[] = []

let database: TestDatabase
let env: Environment
let issuer: Issuer
let api: { readonly id: string; readonly secret: string }
let app: Party
let ann: User

/** As a user's shell: nothing of the npm that runs these tests. */
const shell = (more: Environment = {}) => ({ PATH: process.env['PATH'], HOME: process.env['HOME'], ...more })

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url)
  const { url } = await startServer({ ...env, PORT: new URL(env['PUBLIC_URL'] ?? '').port })
  issuer = issuerAt(url, env['PUBLIC_URL'] ?? '')

  const install =
    block('install.sh')
      .split('\n')
      .find((line) => line.startsWith('npm install')) ?? ''
  const packages = install.split(' ').slice(3)
  const tarball = await packSdk(folder)
  await run('npm', ['install', ...QUIET, tarball, ...packages, 'fastify', 'hono', '@hono/node-server'], {
    cwd: folder,
    env: shell(),
  })
  for (const { file, text } of blocks) if (file) writeFileSync(join(folder, file), text)

  await run('sh', ['keys.sh'], { cwd: folder, env: shell() })
  const [, command = ''] = block('register.sh').trim().split(' -- ')
  const words = command.split(' ').map((word) => (word === 'jwks.json' ? join(folder, word) : word))
  const made = await admin(env, ...words)
  api = { id: String(made['api_id']), secret: String(made['api_secret']) }
  app = await registerClient(env, '--public', '--first-party', '--api', IDENTIFIER)
  ann = await registerUser(env, 'ann@example.com')
}, 300_000)
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})
afterAll(async () => {
  await stopServers()
  await database?.drop()
  remove()
})

/** Starts a file of the guide, as it stands there, and answers with where it listens. */
async function start(file: string): Promise<string> {
  const port = String(await freePort())
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: shell({ ISSUER: issuer.issuer, API_ID: api.id, API_SECRET: api.secret, PORT: port }),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = once(child, 'close')
  stops.push(() => {
    child.kill('SIGTERM')
    return ended
  })
  const url = `http://localhost:${port}`
  await eventually(async () => {
    if (child.exitCode !== null) return
    await fetch(url)
  })
  if (child.exitCode !== null) throw new Error(`${file} ended:\n${said}`)
  return url
}

const login = async () => tokensOf(await issuer.login(app, ann, { resource: IDENTIFIER })).access_token
const call = (url: string, token: string | undefined, init: RequestInit = {}) =>
  fetch(url, {
    ...init,
    headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  })

describe('docs/guides/protect-an-api.md, word by word', () => {
  it('protects a route with curl to call it', async () => {
    const url = await start('api.mjs')
    const token = await login()
    const { port } = new URL(url)
    await eventually(async () => {
      const { stdout } = await run('sh', ['call.sh'], { cwd: folder, env: shell({ TOKEN: token, PORT: port }) })
      expect(JSON.parse(stdout)).toEqual({ user: ann.id })
    })
  })

  it.each(['api.mjs', 'fastify.mjs', 'hono.mjs', 'bare.mjs'])(
    '%s lets in a good token until it is revoked',
    async (file) => {
      if (file === 'bare.mjs') {
        // What Bun and Deno do with it.
        const served = "import { serve } from '@hono/node-server'\nimport app from './bare.mjs'\nserve(app)\n"
        writeFileSync(join(folder, 'served.mjs'), served)
      }
      const url = await start(file === 'bare.mjs' ? 'served.mjs' : file)
      const token = await login()
      await eventually(async () => {
        const answer = await call(`${url}/orders`, token)
        expect({ status: answer.status, body: await answer.text() }).toEqual({
          status: 200,
          body: JSON.stringify({ user: ann.id }),
        })
      })
      const none = await call(`${url}/orders`, undefined)
      expect(none.status).toBe(401)
      expect(none.headers.get('www-authenticate')).toContain('scope="orders:read"')
      const metadata = await fetch(`${url}/.well-known/oauth-protected-resource`)
      expect(await metadata.json()).toMatchObject({ resource: IDENTIFIER, authorization_servers: [issuer.issuer] })
      await issuer.revoke(app, token)
      await eventually(async () => expect((await call(`${url}/orders`, token)).status).toBe(401))
    },
  )

  it('routes.mjs asks of each route what stands there', async () => {
    const url = await start('routes.mjs')
    const token = await login()
    await eventually(async () => expect((await call(`${url}/orders`, token)).status).toBe(200))
    const narrow = tokensOf(await issuer.login(app, ann, { resource: IDENTIFIER, scope: 'orders:read' })).access_token
    const statusOf = async (method: string, path: string, by = token) => (await call(url + path, by, { method })).status
    expect(await statusOf('POST', '/orders')).toBe(200)
    expect(await statusOf('DELETE', '/orders')).toBe(200)
    expect(await statusOf('POST', '/payments')).toBe(200)
    expect(await statusOf('GET', '/catalogue')).toBe(200)
    expect(await statusOf('POST', '/orders', narrow)).toBe(403)
    expect(await statusOf('DELETE', '/orders', narrow)).toBe(403)
    await issuer.revoke(app, token)
    // Asked, it knows at once.
    expect(await statusOf('POST', '/payments')).toBe(401)
  })

  it('mcp.mjs leads a client to the server, and a page of another origin to the challenge', async () => {
    const url = await start('mcp.mjs')
    const preflight = await fetch(`${url}/mcp`, { method: 'OPTIONS', headers: { origin: 'https://app.example' } })
    expect(preflight.status).toBe(204)
    const none = await call(`${url}/mcp`, undefined, { method: 'POST' })
    expect(none.status).toBe(401)
    expect(none.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
    const [, metadataUrl = ''] = /resource_metadata="([^"]+)"/.exec(none.headers.get('www-authenticate') ?? '') ?? []
    expect(metadataUrl).toBe(`${IDENTIFIER}/.well-known/oauth-protected-resource`)
    const token = await login()
    await eventually(async () => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"id":1}' }
      const answer = await call(`${url}/mcp`, token, init)
      expect(await answer.text()).toContain(ann.id)
    })
  })

  it('health.mjs says when it is ready, and ends when it is told', async () => {
    const url = await start('health.mjs')
    await eventually(async () => {
      const answer = await fetch(`${url}/health/ready`)
      expect(answer.status).toBe(200)
      expect(await answer.json()).toMatchObject({ ready: true, revocations: { source: 'feed', bound: 5 } })
    })
  })

  it('inspects a token as it says', async () => {
    const token = await login()
    const [, command = ''] =
      /`(npx @bulla\/resource-server inspect [^`]+)`/.exec(readFileSync('docs/guides/protect-an-api.md', 'utf8')) ?? []
    writeFileSync(join(folder, 'token.txt'), token)
    const { stdout } = await run('sh', ['-c', `${command} < token.txt`], {
      cwd: folder,
      env: shell({ ISSUER: issuer.issuer }),
    })
    expect(stdout).toContain(ann.id)
  })
})
