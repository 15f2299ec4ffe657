import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { codeBlocks } from '../support/code-blocks.js'
import { removeData } from '../support/installation.js'
import { issuerAt } from '../support/issuer.js'
import { type Environment, embeddedInstallation, freePort, type RunningServer, startServer } from '../support/server.js'

let env: Environment
let server: RunningServer
let url: string
let dataDir: string

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'bulla-curl-'))
  // Where this runs as root, the user that Postgres runs as must be able to enter.
  chmodSync(dataDir, 0o711)
  const port = String(await freePort())
  url = `http://localhost:${port}`
  env = await embeddedInstallation(dataDir, { PORT: port, PUBLIC_URL: url })
  server = await startServer(env)
})
afterAll(async () => {
  // It takes its Postgres with it.
  await server?.stop()
  removeData(dataDir)
})

/** As a newcomer's shell, in the folder of the clone. */
async function bash(commands: string): Promise<string> {
  const shell = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env }
  const { stdout } = await promisify(execFile)('/bin/bash', ['-euo', 'pipefail', '-c', commands], { env: shell })
  return stdout
}

/** The last line of what was printed. */
const answerIn = (printed: string): Record<string, unknown> => JSON.parse(printed.trim().split('\n').at(-1) ?? '')

it('the commands of the README end in a token, and curl refreshes and revokes it', async () => {
  const start = codeBlocks('README.md').find(({ text }) => text.includes('curl'))?.text ?? ''
  const commands = start.replaceAll('http://localhost:3000', url)
  const tokens = answerIn(await bash(commands))
  expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'orders:read' })

  const clients = JSON.parse(await bash('npm run -s admin -- client list --json')) as {
    clients: { client_id: string }[]
  }
  const { client_id: client } = clients.clients[0] ?? { client_id: '' }
  const refresh = `curl -sS ${url}/oauth2/token -d grant_type=refresh_token -d client_id=${client}`
  const successor = answerIn(await bash(`${refresh} -d refresh_token=${tokens['refresh_token']}`))
  expect(successor).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' })
  await bash(`curl -sSf ${url}/oauth2/revoke -d client_id=${client} -d token=${successor['refresh_token']}`)
  const refused = answerIn(await bash(`${refresh} -d refresh_token=${successor['refresh_token']}`))
  expect(refused).toMatchObject({ error: 'invalid_grant' })
  const keys = answerIn(await bash(`curl -sSf ${url}/jwks`))
  expect(keys).toEqual({ keys: (await issuerAt(url, url).keys()).keys })
})
