import { afterAll, beforeAll, expect, it } from 'vitest'
import { createBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import {
  type Environment,
  everythingSaid,
  freePort,
  installation,
  startServer,
  stopServers,
} from '../support/server.js'
import { signInGuide } from '../support/sign-in-guide.js'

// What the guide does with curl. All else is followed in test/e2e.

let database: TestDatabase
let env: Environment
let guide: ReturnType<typeof signInGuide>

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  env = await installation(database.url, { PUBLIC_URL: `http://localhost:${port}`, PORT: port })
  await startServer(env)
  guide = signInGuide(env, `http://localhost:${await freePort()}`)
})
afterAll(async () => {
  guide?.remove()
  await stopServers()
  await database?.drop()
})

const named = (part: string) => guide.commands.find((command) => command.includes(part)) ?? ''

it('docs/guides/sign-in.md with curl: discovers, pushes a request, and finds the reason of an error', async () => {
  const issuer = env['PUBLIC_URL'] ?? ''
  await guide.run(named('client create --name Shop '))
  const metadata = JSON.parse(await guide.run(named('openid-configuration')))
  expect(metadata).toMatchObject({ issuer, authorization_endpoint: `${issuer}/oauth2/authorize` })

  const { request_uri: uri } = JSON.parse(await guide.run(named('/oauth2/par')))
  const id = /client_id=([\w-]+)/.exec(await guide.run('echo "client_id=$CLIENT_ID"'))?.[1]
  const asked = new URLSearchParams({ client_id: `${id}`, request_uri: uri })
  const at = await createBrowser(issuer).go(`/oauth2/authorize?${asked}`)
  expect(at.html).toContain('name="password"')

  const [, reference = ''] = /x-request-id: (\S+)/i.exec(await guide.run(named('x-request-id'))) ?? []
  const line = await eventually(() => {
    const found = everythingSaid()
      .split('\n')
      .find((one) => one.includes(`"id":"${reference}"`))
    expect(found).toBeDefined()
    return JSON.parse(found ?? '{}')
  })
  expect(line).toMatchObject({ route: 'authorize', status: 400, reason: expect.stringMatching(/redirect_uri/) })
})
