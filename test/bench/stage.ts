import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JWK } from 'jose'
import type pg from 'pg'
import { type Config, loadConfig } from '../../src/config.js'
import { createPasswordHasher } from '../../src/crypto/password.js'
import type { Actor } from '../../src/oauth/records.js'
import { registerApi } from '../../src/oauth/registration/api.js'
import { registerClient } from '../../src/oauth/registration/client.js'
import { newApiCredentials, newClientCredentials, newSecret } from '../../src/oauth/registration/credentials.js'
import { openDatabase } from '../../src/store/database.js'
import { type Embedded, openEmbedded } from '../../src/store/embedded/open.js'
import { silent } from '../../src/store/log.js'
import { createApiRegistry } from '../../src/store/registry/apis.js'
import { createClientRegistry } from '../../src/store/registry/clients.js'
import { createTenantRegistry } from '../../src/store/registry/tenants.js'
import { createUserRegistry } from '../../src/store/registry/users.js'
import { DEFAULT_SLUG } from '../../src/store/tenants.js'
import { type Environment, freePort, installation, type RunningServer, startServer } from '../support/server.js'
import { encryptionKey } from '../unit/keys/fixtures.js'
import { besideLoad, parentOf, underTest } from './pinning.js'

const OPERATOR: Actor = { kind: 'operator', id: 'bench' }
export const API = 'https://api.example.com'
export const PASSWORD = 'correct horse battery staple'

/** Requests at a time, each over a connection of its own: enough that a server that waits for a disk is still busy. */
export const CONNECTIONS = 32

/** As many connections to Postgres as a server has. */
const POOL_SIZE = loadConfig({}).databasePoolSize

export type Party = { readonly id: string; readonly secret: string }

export const KINDS = ['X25519', 'P-256', 'RSA'] as const

/** An API that has its tokens sealed for a key of that kind, and who may have some. */
export type SealedApi = {
  readonly kind: (typeof KINDS)[number]
  readonly identifier: string
  readonly api: Party & { readonly privateJwk: JWK; readonly publicJwk: JWK }
  /** A confidential client for itself. */
  readonly service: Party
  /** A confidential client that signs its users in. */
  readonly web: Party
}

/** A server as it is built and as it is configured when nobody configures anything, on a Postgres that writes to the disk. */
export type Stage = {
  readonly server: RunningServer
  /** The server's, for its default argon2 cost. */
  readonly config: Config
  /** What starts another process of the same installation. */
  readonly env: Environment
  readonly connection: Embedded['connection']
  readonly prisma: ReturnType<typeof openDatabase>['prisma']
  /** As many connections as the server has, of this process. */
  readonly pool: pg.Pool
  readonly tenantId: string
  readonly issuer: string
  /** Sealed with what an API gets when nobody asks for anything else; it opens with `privateJwk`. */
  readonly api: SealedApi['api']
  /** A confidential client for itself. */
  readonly service: Party
  /** One of each kind; the first is the one above. */
  readonly sealed: readonly SealedApi[]
  /** A public client that signs its users in. */
  readonly app: { readonly id: string }
  readonly usernames: readonly string[]
  /** The same users. */
  readonly userIds: readonly string[]
  /** What the keys in the database are sealed with. */
  readonly masterKey: Buffer
  close(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bulla-bench-'))
  // Where this runs as root, the user that Postgres runs as must be able to enter.
  chmodSync(dataDir, 0o711)
  const closing: (() => unknown)[] = [() => rmSync(dataDir, { recursive: true, force: true })]
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    const embedded = await openEmbedded({ dataDir, kind: 'script', log: silent })
    closing.push(embedded.close)
    return { ...(await furnish(embedded, closing)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function furnish({ url, connection }: Embedded, closing: (() => unknown)[]): Promise<Omit<Stage, 'close'>> {
  const config = loadConfig({})
  const port = String(await freePort())
  const env = await installation(url, {
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    PORT: port,
    ARGON2_MEMORY_KIB: String(config.argon2MemoryKib),
    ARGON2_TIME_COST: String(config.argon2TimeCost),
    ARGON2_PROCESSES: String(config.argon2Processes),
  })
  // It logs every request, as it does in earnest, to where nobody reads it.
  const server = await startServer(env, 'ignore')
  closing.push(() => server.stop())
  const address = { ...connection, max: POOL_SIZE }
  const database = openDatabase({ address, poolSize: POOL_SIZE, name: 'bench', log: silent })
  closing.push(database.close)
  await pinAll(server, database.pool)
  const tenant = await createTenantRegistry(database.prisma).find(DEFAULT_SLUG)
  if (!tenant) throw new Error('The server has no default tenant.')
  const registered = await register(database, { tenantId: tenant.id, config })
  const masterKey = Buffer.from(env['MASTER_KEY'] ?? '', 'base64')
  const { pool, prisma } = database
  const found = { tenantId: tenant.id, issuer: server.url, masterKey, ...registered }
  return { server, config, env, connection, pool, prisma, ...found }
}

type Place = { readonly tenantId: string; readonly config: Config }

/** Who does the server's work, and Postgres, which every connection is a child of. */
async function pinAll({ process }: RunningServer, pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  underTest(process.pid)
  besideLoad(parentOf(rows[0]?.pid ?? 0))
}

async function register({ prisma }: Pick<ReturnType<typeof openDatabase>, 'prisma'>, { tenantId, config }: Place) {
  const sealed: SealedApi[] = []
  for (const kind of KINDS) sealed.push(await registerSealed(prisma, { tenantId, config }, kind))
  const [first] = sealed
  if (!first) throw new Error('No API was registered.')
  const { api, service } = first
  const app = newClientCredentials({ public: true })
  const ofApp = registerClient({ name: 'App', public: true, firstParty: true, apis: [API] })
  const clients = createClientRegistry(prisma)
  await clients.create(tenantId, { id: app.id, settings: ofApp, secretHash: undefined }, OPERATOR)
  return { api, service, app, sealed, ...(await makeUsers(prisma, { tenantId, config })) }
}

type Prisma = Parameters<typeof createUserRegistry>[0]

async function registerSealed(prisma: Prisma, { tenantId, config }: Place, kind: SealedApi['kind']) {
  const { privateJwk, publicJwk } = encryptionKey(kind)
  const identifier = kind === 'X25519' ? API : `${API}/${kind}`
  const api = newApiCredentials()
  const settings = registerApi(
    {
      identifier,
      scopes: ['orders:read', 'orders:write'],
      ...(kind === 'RSA' && { encryptionAlgorithm: 'RSA-OAEP-256' }),
    },
    { issuer: config.publicUrl, maxTokenLifetime: config.maxTokenLifetime },
  )
  const keys = { jwks: { keys: [publicJwk] }, jwksUri: undefined }
  await createApiRegistry(prisma).create(tenantId, { id: api.id, settings, keys, secretHash: api.secretHash }, OPERATOR)

  const confidential = async (name: string, firstParty: boolean): Promise<Party> => {
    const { secret, secretHash } = newSecret()
    const { id } = newClientCredentials({ public: false })
    const settings = registerClient({ name, public: false, firstParty, apis: [identifier] })
    await createClientRegistry(prisma).create(tenantId, { id, settings, secretHash }, OPERATOR)
    return { id, secret }
  }
  const [service, web] = [await confidential('Service', false), await confidential('Web', true)]
  return { kind, identifier, api: { ...api, privateJwk, publicJwk }, service, web }
}

/** One for each connection: more than a few sign-ins to one account at the same time are throttled. All have one password. */
async function makeUsers(prisma: Prisma, { tenantId, config }: Place) {
  const passwords = createPasswordHasher({ ...argon2Cost(config), processes: 1, queueLimit: 1 })
  const passwordHash = await passwords.hash(PASSWORD)
  await passwords.close()
  const users = createUserRegistry(prisma)
  const usernames = Array.from({ length: POOL_SIZE }, (_, n) => `user${n}@example.com`)
  const userIds: string[] = []
  for (const username of usernames) {
    const made = await users.create(tenantId, { username, email: username, passwordHash }, OPERATOR)
    if (made.result !== 'created') throw new Error(`The user name ${username} is taken.`)
    userIds.push(made.id)
  }
  return { usernames, userIds }
}

export const argon2Cost = (config: Config) => ({
  memoryKiB: config.argon2MemoryKib,
  timeCost: config.argon2TimeCost,
  parallelism: config.argon2Parallelism,
})
