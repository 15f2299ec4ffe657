import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeBlocks } from '../support/code-blocks.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Issuer, issuerAt, type Party, tokensOf, unseal } from '../support/issuer.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import { admin, type Environment, installation, startServer, stopServers } from '../support/server.js'

// The reader has curl, and Node with jose: everything else is in the guide.

const run = promisify(execFile)
let database: TestDatabase
let env: Environment
let issuer: Issuer
let orders: Api
let app: Party
let ann: User
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url)
  const { url } = await startServer({ ...env, PORT: new URL(env['PUBLIC_URL'] ?? '').port })
  issuer = issuerAt(url, env['PUBLIC_URL'] ?? '')
  orders = await registerApi(env, 'https://orders.example.com')
  app = await registerClient(env, '--public', '--first-party', '--api', orders.identifier)
  ann = await registerUser(env, 'ann@example.com')
  folder = mkdtempSync(join(tmpdir(), 'bulla-guide-'))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  for (const { file, text } of codeBlocks('docs/guides/revocation.md')) {
    if (file) writeFileSync(join(folder, file), text)
  }
})
afterAll(async () => {
  await stopServers()
  await database?.drop()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const surroundings = (more: Environment = {}) => ({
  PATH: process.env['PATH'],
  ISSUER: issuer.issuer,
  API_ID: orders.id,
  API_SECRET: orders.secret,
  ...more,
})

/** Does what the guide says, in the order in which it stands there, and answers with what was printed. */
async function follow(file: string, more?: Environment): Promise<Record<string, unknown>> {
  const { stdout } = await run('sh', [file], { cwd: folder, env: surroundings(more) })
  return JSON.parse(stdout)
}

/** What `open` of the other guide gives, and the token itself. */
async function keep({ token, api = orders }: { token: string; api?: Api }) {
  const { inner } = await unseal(token, api.privateJwk)
  const [kid, claims] = inner
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
  writeFileSync(join(folder, 'token.json'), JSON.stringify({ claims, kid: kid.kid }))
  writeFileSync(join(folder, 'token.txt'), token)
  return claims
}

let token: string
let claims: Record<string, unknown>
beforeEach(async () => {
  token = tokensOf(await issuer.login(app, ann)).access_token
  claims = await keep({ token })
})

const revoke = () => issuer.revoke(app, token)

describe('docs/guides/revocation.md, word by word', () => {
  it('tells a revoked token by the status list', async () => {
    expect(await follow('list.sh')).toEqual({ revoked: false, goodFor: 15 })
    await revoke()
    await expect.poll(() => follow('list.sh')).toEqual({ revoked: true, goodFor: 15 })
    const { status_lists: uris } = await follow('lists.sh')
    expect(uris).toContain((claims['status'] as { status_list: { uri: string } }).status_list.uri)
  })

  it('fetches no list but the issuer’s, and believes none but the one it asked for, signed by the issuer', async () => {
    const elsewhere = 'https://elsewhere.example/status-lists/AAAAAAAAAAAAAAAAAAAAAA'
    const pointing = (uri: string) =>
      writeFileSync(
        join(folder, 'token.json'),
        JSON.stringify({ claims: { ...claims, status: { status_list: { idx: 0, uri } } }, kid: 'k' }),
      )
    pointing(elsewhere)
    await expect(follow('list.sh')).rejects.toThrow()
    // As the last list that was fetched is another’s.
    await keep({ token })
    await follow('list.sh')
    pointing(`${issuer.issuer}/status-lists/AAAAAAAAAAAAAAAAAAAAAA`)
    const node = () => run(process.execPath, ['list.mjs'], { cwd: folder, env: surroundings() })
    await expect(node()).rejects.toThrow(/unexpected "sub" claim/)
    await keep({ token })
    const [header, payload, signature = ''] = readFileSync(join(folder, 'list.jwt'), 'utf8').split('.')
    writeFileSync(join(folder, 'list.jwt'), [header, payload, signature.replace(/./g, 'A')].join('.'))
    await expect(node()).rejects.toThrow(/signature verification failed/)
  })

  it('tells a revoked token by pages, and one of a new sign-in from those before', async () => {
    const first = await follow('page.sh')
    expect(first).toMatchObject({ revoked: false, more: false })
    await admin(env, 'revoke', '--user', ann.username)
    const since = { CURSOR: String(first['cursor']) }
    expect(await follow('next-page.sh', since)).toMatchObject({ revoked: true })
    await keep({ token: tokensOf(await issuer.login(app, ann)).access_token })
    expect(await follow('next-page.sh', since)).toMatchObject({ revoked: false })
  })

  it('tells it as it happens, and all the while that nothing is held back', async () => {
    const child = spawn('sh', ['follow.sh'], { cwd: folder, env: surroundings(), detached: true })
    const ended = once(child, 'close')
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    const said = (): Record<string, unknown>[] => text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []))
    await expect.poll(said).toContainEqual({ event: 'heartbeat', revoked: false, isKnown: true })
    expect(said()[0]).toEqual({ event: 'snapshot', revoked: false })
    await revoke()
    await expect.poll(said).toContainEqual({ event: 'revocations', revoked: true })
    await expect.poll(said).toContainEqual({ event: 'heartbeat', revoked: true, isKnown: true })
    // Both sides of the pipe.
    if (child.pid) process.kill(-child.pid)
    await ended
  })

  it('asks by introspection, plain and signed', async () => {
    expect(await follow('introspect.sh')).toMatchObject({ active: true, jti: claims['jti'] })
    expect(await follow('introspect-signed.sh')).toMatchObject({ active: true, jti: claims['jti'] })
    await revoke()
    expect(await follow('introspect.sh')).toEqual({ active: false })
    expect(await follow('introspect-signed.sh')).toEqual({ active: false })
  })

  it('opens what was registered to be encrypted', async () => {
    const jwk = { ...orders.privateJwk, alg: 'ECDH-ES' }
    writeFileSync(join(folder, 'private.jwk.json'), JSON.stringify(jwk))
    await admin(env, 'api', 'update', '--identifier', orders.identifier, '--introspection-encryption', 'on')
    await expect
      .poll(() => follow('introspect-signed.sh', { ENCRYPTED: 'on' }))
      .toMatchObject({ active: true, jti: claims['jti'] })
  })
})
