import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { removeData } from '../support/installation.js'
import { issuerAt, unseal } from '../support/issuer.js'
import { embeddedInstallation, freePort, type RunningServer, startServer, stopServers } from '../support/server.js'
import { ROOT } from '../support/source.js'

let folder: string
let server: RunningServer

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulla-quick-'))
  const port = String(await freePort())
  const PUBLIC_URL = `http://localhost:${port}`
  // Shells have a mind of their own about such names.
  const dataDir = join(folder, "it's $HOME & more")
  server = await startServer({ ...(await embeddedInstallation(dataDir)), PORT: port, PUBLIC_URL })
})
afterAll(async () => {
  await stopServers()
  removeData(join(folder, "it's $HOME & more"))
  rmSync(folder, { recursive: true, force: true })
})

/** What a shell in the clone prints when something is pasted into it. */
function paste(text: string): Promise<{ stdout: string; stderr: string }> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  const shell = spawn('bash', { cwd: ROOT, env })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    shell[name].setEncoding('utf8').on('data', (chunk: string) => {
      said[name] += chunk
    })
  }
  shell.stdin.end(text)
  return new Promise((resolve) => shell.once('close', () => resolve(said)))
}

// npm, a build that finds nothing to do and a command, three times over.
it('prints four commands at its first start that end in a token, pasted as they stand', {
  timeout: 240_000,
}, async () => {
  const [, printed = ''] = server.stdout().split('and a token for them:\n')
  const commands = printed.split('\n').filter((line) => line.startsWith('  '))
  expect(commands).toHaveLength(4)
  const { stdout, stderr } = await paste(`${commands.join('\n')}\n`)
  expect(stderr).not.toMatch(/error|failed|not found/i)

  const [answer = ''] = stdout.split('\n').slice(-1)
  const { access_token, refresh_token, expires_in } = JSON.parse(answer)
  expect(refresh_token).toEqual(expect.any(String))
  expect(expires_in).toBe(300)
  // The first command said what the API opens it with.
  const [, privateJwk = ''] = /^private_jwk +(\{.*\})$/m.exec(stdout) ?? []
  const { inner } = await unseal(access_token, JSON.parse(privateJwk))
  const { payload } = await issuerAt(server.url, server.url.replace('127.0.0.1', 'localhost')).verify(
    inner,
    'https://api.example.com',
  )
  expect(payload['scope']).toBe('orders:read')
})
