import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from '../support/code-blocks.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { admin, type Environment, installation, type RunningServer, startServer } from '../support/server.js'

const run = promisify(execFile)
let database: TestDatabase
let env: Environment
let server: RunningServer
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url)
  const port = new URL(env['PUBLIC_URL'] ?? '').port
  server = await startServer({ ...env, PORT: port })
  folder = mkdtempSync(join(tmpdir(), 'bulla-guide-'))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
})
afterAll(async () => {
  await server?.stop()
  await database?.drop()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const post = async (path: string, body: object, headers: Record<string, string> = {}) =>
  (await fetch(`${env['PUBLIC_URL']}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }).then((answer) => answer.json())) as Record<string, string>

/** Runs a module beside the guide's files and answers with what it printed. */
async function node(text: string): Promise<string> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ISSUER: env['PUBLIC_URL'] },
  })
  return stdout.trim()
}

describe('docs/guides/open-a-token.md, word by word', () => {
  it('opens a token, and no bare JWS', async () => {
    const blocks = codeBlocks('docs/guides/open-a-token.md')
    for (const { file, text } of blocks) if (file) writeFileSync(join(folder, file), text)
    await run(process.execPath, ['keygen.mjs'], { cwd: folder })

    const command =
      blocks
        .find(({ language }) => language === 'sh')
        ?.text.trim()
        .split(' -- ')[1] ?? ''
    const args = command.split(' ').map((word) => (word === 'jwks.json' ? join(folder, word) : word))
    const api = await admin(env, ...args)
    const identifier = String(api['identifier'])
    const client = await admin(
      env,
      'client',
      'create',
      '--name',
      'Guide',
      '--public',
      '--first-party',
      '--api',
      identifier,
    )
    const user = await admin(env, 'user', 'create', '--email', 'ann@example.com')
    const tokens = await post('/auth/login', {
      client_id: client['client_id'],
      username: 'ann@example.com',
      password: user['password'],
    })

    const token = tokens['access_token'] ?? ''
    const opened = JSON.parse(
      await node(
        `import { open } from './open.mjs'; console.log(JSON.stringify(await open(${JSON.stringify(token)})))`,
      ),
    )
    expect(opened.kid).toMatch(/^[\w-]+$/)
    expect(opened.claims).toMatchObject({
      iss: env['PUBLIC_URL'],
      aud: identifier,
      scope: 'orders:read',
      sub: user['user_id'],
    })
    // A bare JWS is not a sealed token.
    const bare = 'eyJhbGciOiJFUzI1NiJ9.e30.AA'
    await expect(node(`import { open } from './open.mjs'; await open('${bare}')`)).rejects.toThrow(
      /Invalid Compact JWE/,
    )
  })
})
