/** `npm run example`: a server and a web app that signs people in with it, in docs/examples/web-app, with everything registered. */
import { openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Config, loadConfig, readEnvironment } from '#bulla/config.js'
import { StartError } from '#bulla/start-error.js'
import { ensureDataDir } from '#bulla/store/embedded/home.js'
import { bold } from './demo/terminal.js'
import { EMAIL, registerExample, registerPerson } from './example/registration.js'
import { answers, type ChildProgram, freePort, spawnProgram, spawnServer, whenInterrupted } from './server-process.js'

const FOLDER = fileURLToPath(new URL('../../docs/examples/web-app', import.meta.url))

/** Throws StartError with what to do, before anything is started. */
async function readSettings() {
  const env = readEnvironment()
  // What it makes is for trying out: a user, and a client whose secret lies in a file.
  if (env['DATABASE_URL']) {
    throw new StartError(
      'The example registers a client and a user, and does so in an embedded Postgres alone: run it with DATABASE_URL= in front.',
    )
  }
  const config = loadConfig(env)
  if (config.publicUrl !== `http://localhost:${config.port}`) {
    throw new StartError('The example runs on this machine alone: run it with PUBLIC_URL= in front.')
  }
  const appPort = Number(env['EXAMPLE_PORT'] || 3001)
  if (!Number.isInteger(appPort) || appPort < 1 || appPort > 65_535 || appPort === config.port) {
    throw new StartError('EXAMPLE_PORT must be a port number, and another one than PORT.')
  }
  assertInstalled()
  for (const [name, port] of [['PORT', config.port] as const, ['EXAMPLE_PORT', appPort] as const]) {
    if ((await freePort(port)) !== undefined) continue
    throw new StartError(
      `Port ${port} can't be opened: another program has it, such as a server started before. Stop that, or set ${name} to another one.`,
    )
  }
  return { config, appUrl: `http://localhost:${appPort}`, appPort }
}

/** The packages of the example are found among those of the repository. */
function assertInstalled(): void {
  try {
    createRequire(join(FOLDER, 'server.js')).resolve('openid-client')
  } catch {
    throw new StartError(
      'The example needs openid-client, which is installed with what developers of Bulla need: run `npm ci`, without --omit=dev.',
    )
  }
}

function describe({ config, appUrl, password }: { config: Config; appUrl: string; password: string | undefined }) {
  const log = relative('.', join(config.dataDir, 'example.log'))
  const known = `as it was shown when she was made. For another one, in a second terminal:
               ${config.dataDir === join(process.cwd(), '.data') ? '' : `DATA_DIR='${config.dataDir}' `}npm run -s admin -- user set-password --email ${EMAIL}`
  return `
  Open         ${bold(appUrl)}
  Sign in as   ${EMAIL}
  Password     ${password === undefined ? known : `${bold(password)}   (shown this once)`}

  The server is ${config.publicUrl}, her account ${config.publicUrl}/account, its log ${log}.
  The code of the app is in docs/examples/web-app. Ctrl-C stops both.
`
}

const programs: ChildProgram[] = []
let interrupted = false
/** The app first, which would miss the server. */
const stopAll = async () => {
  for (const program of programs.toReversed()) await program.stop()
}
whenInterrupted(() => {
  interrupted = true
  void stopAll()
})

async function main(): Promise<void> {
  const { config, appUrl, appPort } = await readSettings()
  console.log('Starting a server and the example …')
  const env = { ...process.env, PORT: String(config.port), PUBLIC_URL: config.publicUrl, METRICS_PORT: '0' }
  const folder = ensureDataDir(config.dataDir)
  const server = spawnServer(env, openSync(join(folder, 'example.log'), 'a', 0o600))
  programs.push(server)
  await server.ready()
  const client = await registerExample(server.admin, appUrl, join(folder, 'example.json'))
  const app = spawnProgram(['server.js'], {
    cwd: FOLDER,
    env: {
      ...{ PATH: process.env['PATH'], NODE_ENV: 'production' },
      ...{ ISSUER: config.publicUrl, CLIENT_ID: client.id, CLIENT_SECRET: client.secret, PORT: String(appPort) },
    },
  })
  programs.push(app)
  if (!(await answers(appUrl, app))) throw new Error('The app did not start; what it said stands above.')
  // Last, so that nothing keeps the password from being shown.
  const password = await registerPerson(server.admin)
  console.log(describe({ config, appUrl, password }))
  await Promise.race([server.ended, app.ended])
  if (!interrupted) throw new Error('One of the two has ended, and so has the other; what it said stands above.')
}

try {
  await main()
} catch (error) {
  // Whoever interrupts it knows why it ends.
  if (!interrupted) {
    process.exitCode = 1
    console.error(error instanceof Error ? error.message : error)
  }
} finally {
  await stopAll()
}
