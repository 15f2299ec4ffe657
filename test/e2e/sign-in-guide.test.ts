import { afterAll, beforeAll, expect, it } from 'vitest'
import { createBrowser } from '../support/browser.js'
import { codeBlocks } from '../support/code-blocks.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { answerPages } from '../support/relying-party.js'
import { admin, type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'
import { signInGuide } from '../support/sign-in-guide.js'

// The commands with curl are followed in test/peers.

let database: TestDatabase
let env: Environment
let app: string
let guide: ReturnType<typeof signInGuide>

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  env = await installation(database.url, { PUBLIC_URL: `http://localhost:${port}`, PORT: port })
  await startServer(env)
  app = `http://localhost:${await freePort()}`
  guide = signInGuide(env, app)
})
afterAll(async () => {
  guide?.remove()
  await stopServers()
  await database?.drop()
})

it('docs/guides/sign-in.md ends in a sign-in, word by word, and its choices can be made', {
  timeout: 240_000,
}, async () => {
  const [server, register = '', ...more] = guide.commands.filter((command) => !command.startsWith('curl'))
  expect(server).toBe('npm start')
  const [start = '', ...choices] = more
  expect(start).toBe('node app.mjs')
  const [, password = ''] = /^password +(\S+)/m.exec(await guide.run(register)) ?? []

  const stop = guide.start(start)
  try {
    await eventually(async () => expect((await fetch(app, { redirect: 'manual' })).status).toBe(303))
    const browser = createBrowser(app, [env['PUBLIC_URL'] ?? ''])
    const at = await answerPages(browser, await browser.go('/'), { username: 'ann@example.com', password })
    expect(at).toMatchObject({ status: 200, url: expect.objectContaining({ pathname: '/callback' }) })
    expect(JSON.parse(at.html)).toMatchObject({ name: 'Ann Example', email: 'ann@example.com', email_verified: true })
    // The code alone, in a browser that did not begin.
    expect((await createBrowser(app).ask(at.url)).status).toBe(400)
  } finally {
    await stop()
  }

  const printed: string[] = []
  const [example = ''] = codeBlocks('docs/examples/web-app/README.md').map(({ text }) => text.trim())
  for (const command of [example, ...choices]) printed.push(await guide.run(command))
  expect(printed.at(-1)).toMatch('sign_in.succeeded')
  const { clients } = (await admin(env, 'client', 'list')) as { clients: Record<string, unknown>[] }
  expect(clients).toHaveLength(3)
  expect(await admin(env, 'tenant', 'show')).toMatchObject({ name: 'Shop & Sons' })
})
