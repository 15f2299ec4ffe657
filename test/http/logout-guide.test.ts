import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { logoutToken } from '../../src/oauth/logout-token.js'
import { codeBlocks } from '../support/code-blocks.js'
import { openIdScene } from '../support/openid.js'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'bulla-guide-'))
let scene: Awaited<ReturnType<typeof openIdScene>>
const server = createServer(async (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(await scene.server.jwks.published(scene.server.tenant)))
})

beforeAll(async () => {
  scene = await openIdScene()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  for (const { file, text } of codeBlocks('docs/guides/logout.md')) if (file) writeFileSync(join(folder, file), text)
})
afterAll(async () => {
  await new Promise((closed) => server.close(closed))
  rmSync(folder, { recursive: true, force: true })
})

/** What the guide's function says of a token, in a process of its own. */
async function read(token: string): Promise<Record<string, unknown>> {
  const script = `
    import { readLogoutToken } from './logout.mjs'
    const read = await readLogoutToken(process.argv[1], 'cl_app').catch(({ message }) => ({ failed: message }))
    console.log(JSON.stringify(read))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, token], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ISSUER: issuer() },
  })
  return JSON.parse(stdout)
}
const issuer = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

it('reads a logout token as docs/guides/logout.md says, and no ID token', async () => {
  const sessionId = '0001f2f3-0405-4607-8809-0a0b0c0d0e0f'
  const { ports, profile, server: keys } = scene
  const tenant = { ...keys.tenant, issuer: issuer() }
  const now = () => Date.now() / 1000
  const about = { tenant, client: scene.client(), userId: profile.id, sessionId }
  const token = await logoutToken(about, { ...ports, now })
  const sid = Buffer.from(sessionId.replaceAll('-', ''), 'hex').toString('base64url')
  expect(await read(token)).toEqual({ sid, sub: profile.id })
  const claims = { iss: tenant.issuer, aud: 'cl_app', sub: profile.id, sid, exp: now() + 60, jti: 'x', iat: now() }
  for (const [typ, more] of [
    ['JWT', {}],
    ['logout+jwt', {}],
    ['logout+jwt', { nonce: 'n', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }],
  ] as const) {
    const wrong = await ports.jwtSigner.sign(keys.tenant, { typ, alg: 'RS256' }, { ...claims, ...more })
    expect(await read(wrong)).toEqual({ failed: expect.any(String) })
  }
})
