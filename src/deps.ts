import { createAuthSessions } from './accounts/auth-session.js'
import type { ChallengeState } from './accounts/authorization-challenge.js'
import type { SignInState } from './accounts/sign-in.js'
import type { Config } from './config.js'
import { createEnvelope, type Envelope } from './crypto/envelope.js'
import { createPasswordHasher } from './crypto/password.js'
import type { Log } from './http/log.js'
import { createMetrics, type Metrics } from './http/metrics.js'
import { createLogoutDelivery } from './jobs/logout-delivery.js'
import type { JobDeps } from './jobs/start.js'
import { createJwks } from './keys/jwks.js'
import { createJwtEncrypter } from './keys/jwt-encrypter.js'
import { createJwtSigner } from './keys/jwt-signer.js'
import { createJwtVerifier } from './keys/jwt-verifier.js'
import { createKeyring } from './keys/keyring.js'
import { createFindListKeys } from './keys/list-keys.js'
import { verifyMasterKey } from './keys/master-key.js'
import { createMint } from './keys/mint.js'
import { createFindRecipient } from './keys/recipient.js'
import { createRefreshTokens } from './keys/refresh-tokens.js'
import { createRotation } from './keys/rotation.js'
import { createSubjects } from './keys/subjects.js'
import { createUnsealer } from './keys/unsealer.js'
import type { BrowserPorts } from './oauth/browser-ports.js'
import type { Endings } from './oauth/ending-ports.js'
import { createIdTokens } from './oauth/id-tokens.js'
import type { Grants, Policy, Ports, RefreshTokens } from './oauth/ports.js'
import { createFetcher } from './outbound/fetch.js'
import { knownAtOnce } from './revocation/at-once.js'
import { createFeed, type Feed } from './revocation/feed.js'
import { createIndices } from './revocation/indices.js'
import { createKnownRevocations } from './revocation/known-revocations.js'
import { createStatusLists } from './revocation/status-lists.js'
import { StartError } from './start-error.js'
import { createAccounts } from './store/accounts.js'
import { createApiKeyStore } from './store/api-keys.js'
import { createAuthorizationCodes } from './store/codes.js'
import { createConsents } from './store/consents.js'
import { createDirectory } from './store/directory.js'
import { createEndings } from './store/endings.js'
import { createGrants } from './store/grants.js'
import { readInstallation } from './store/installation.js'
import { createKeyStore } from './store/keys.js'
import { createKnownKeys } from './store/known-keys.js'
import { createLeases } from './store/leases.js'
import { createLogos } from './store/logos.js'
import { createLogoutDeliveries } from './store/logout-deliveries.js'
import { createMaintenance } from './store/maintenance.js'
import { readOrCreateMasterKey } from './store/master-key.js'
import { createPushedRequests } from './store/pushed-requests.js'
import { createRecentlyUsed } from './store/recently-used.js'
import { createRevocations } from './store/revocations.js'
import { createSessions } from './store/sessions.js'
import { createSignInStates } from './store/sign-in-states.js'
import type { StartedDatabase } from './store/start-database.js'
import { createStatusListStore } from './store/status-lists.js'
import { createThrottle } from './store/throttle.js'
import { createUserProfiles } from './store/user-profiles.js'
import { createUsers } from './store/users.js'
import { createView } from './store/view.js'

const DAY = 86_400
/** Access tokens that are read without being opened again, three kilobytes each with what is answered about them. */
const RECENT_TOKENS = 5_000

/** What the life of keys and grants is measured by. Seconds. */
export const policyOf = (config: Config): Policy => ({
  accessTokenLifetime: config.accessTokenLifetime,
  grantLifetime: config.grantLifetime,
  grantIdleLifetime: config.grantIdleLifetime,
  maxStaleness: config.maxStaleness,
})

/** What a browser takes part in. */
const browserPortsOf = (
  config: Pick<Config, 'sessionLifetime' | 'sessionIdleLifetime' | 'requirePushedRequests'>,
  database: Pick<StartedDatabase, 'pool'>,
): Omit<BrowserPorts, 'subjects' | 'idTokens'> => ({
  browserPolicy: {
    sessionLifetime: config.sessionLifetime,
    sessionIdleLifetime: config.sessionIdleLifetime,
    requirePushedRequests: config.requirePushedRequests,
  },
  sessions: createSessions(database),
  codes: createAuthorizationCodes(database),
  signInStates: createSignInStates(database),
  pushedRequests: createPushedRequests(database),
  consents: createConsents(database),
  profiles: createUserProfiles(database),
})

/**
 * Opens and seals the private keys of this database. Without MASTER_KEY an embedded database has one in its folder, made only
 * while nothing is sealed. Throws StartError when it is missing or not the one the keys are sealed with.
 */
export async function openEnvelope(
  config: Pick<Config, 'masterKey' | 'dataDir'>,
  { pool, isEmbedded }: Pick<StartedDatabase, 'pool' | 'isEmbedded'>,
): Promise<Envelope> {
  const keys = createKeyStore(pool)
  if (!config.masterKey && !isEmbedded) {
    throw new StartError('MASTER_KEY is not set: give the one that the keys in this database are sealed with.')
  }
  const mayCreate = (await keys.samples()).length === 0
  const masterKey = config.masterKey ?? readOrCreateMasterKey(config.dataDir, { mayCreate })
  const envelope = createEnvelope(Buffer.from(masterKey))
  const checked = await verifyMasterKey(keys, envelope)
  if (checked.result !== 'wrong') return envelope
  throw new StartError(
    `The keys in the database are sealed with the master key ${checked.sealedWith}, and this one is ${envelope.id}. ` +
      'Nothing was changed. Set MASTER_KEY to the one they were made with.',
  )
}

/** Fetches what an operator registered the URL of, and nothing it leads to on a private network unless FETCH_ALLOW says so. */
export function openFetcher({ fetchAllow }: Pick<Config, 'fetchAllow'>, log: Pick<Log, 'debug'>) {
  return createFetcher({ allow: [...fetchAllow], userAgent: 'bulla', log: (fetched) => log.debug(fetched, 'fetched') })
}

/** What makes and rotates keys, for the server and for operators. */
export const openRotation = (
  config: Config,
  { pool, envelope, log }: { pool: StartedDatabase['pool']; envelope: Envelope; log: Log },
) =>
  createRotation({
    keys: createKeyStore(pool),
    envelope,
    lifetimes: { rotation: config.keyRotationDays * DAY, idle: config.grantIdleLifetime },
    log,
  })

export type Deps = Awaited<ReturnType<typeof createDeps>>

/** Everything wired by hand, over an open database. */
export async function createDeps(config: Config, database: StartedDatabase, log: Log) {
  const { pool, direct } = database
  const envelope = await openEnvelope(config, database)
  const metrics = createMetrics()
  const now = () => Date.now() / 1000
  const policy = policyOf(config)
  const view = createView({ pool, maxStaleness: config.maxStaleness, log, direct })
  const directory = createDirectory({ pool, view, publicUrl: config.publicUrl, grace: config.refreshGrace })
  const rotation = openRotation(config, { pool, envelope, log })
  const keyring = createKeyring({
    keys: createKeyStore(pool),
    envelope,
    remember: view.remember,
    ensure: rotation.ensure,
    log,
    now,
  })
  const passwords = createPasswordHasher({
    memoryKiB: config.argon2MemoryKib,
    timeCost: config.argon2TimeCost,
    parallelism: config.argon2Parallelism,
    processes: config.argon2Processes,
    queueLimit: config.argon2Queue,
  })
  const listKeys = createFindListKeys(keyring)
  const jwtSigner = createJwtSigner({ keyring })
  const indices = createIndices({ leases: createLeases({ pool }), keys: listKeys })
  const recipient = createFindRecipient({ log, now })
  const revocations = createRevocations({ pool, installation: await readInstallation(pool) })
  const knownRevocations = createKnownRevocations(
    { ...directory, revocations, watch: view.watch, log },
    { within: config.introspectionMaxStaleness },
  )
  const ending = knownAtOnce(
    { grants: createGrants({ pool }), revocations, endings: createEndings({ pool }) },
    knownRevocations.caughtUp,
  )
  const ports: Ports & Pick<BrowserPorts, 'subjects'> = {
    ...directory,
    users: createUsers({ pool }),
    grants: countRefreshes(ending.grants, metrics),
    revocations: ending.revocations,
    knownRevocations,
    throttle: createThrottle(pool, envelope.deriveKey('throttle')),
    view,
    mint: createMint({ keyring, indices, recipient, now, log, policy }),
    unsealer: createUnsealer({ keyring, recent: createRecentlyUsed(RECENT_TOKENS) }),
    refreshTokens: countForgeries(createRefreshTokens({ keyring }), metrics),
    jwks: createJwks({ keyring }),
    jwtSigner,
    jwtVerifier: createJwtVerifier({ keyring }),
    jwtEncrypter: createJwtEncrypter({ recipient, log }),
    knownKeys: createKnownKeys(pool),
    subjects: createSubjects({ keyring }),
    passwords,
    policy,
    log,
    now,
  }
  const browserPorts = browserPortsOf(config, database)
  const feed = createFeed({ ...ports, watch: view.watch, observeLag: metrics.revocationLag })
  const statusLists = createStatusLists({
    view,
    jwtSigner,
    now,
    store: createStatusListStore({ pool }),
    keys: listKeys,
    onBuilt: metrics.statusListBuilt,
  })
  measure(metrics, { pool, view, passwords, feed })
  let keyAges: ReadonlyMap<string, number> = new Map()
  const advance = async () => {
    keyAges = await rotation.advance()
    return keyAges
  }
  metrics.gauge({
    name: 'key_age_seconds',
    help: 'Time the oldest active key of a purpose has been in use, over all tenants.',
    label: 'purpose',
    ofWorkers: 'max',
    collect: () => keyAges,
  })
  const { fetchJson, postForm } = openFetcher(config, log)
  const deliveries = createLogoutDeliveries({ pool })
  const logoutDelivery = createLogoutDelivery({ ...ports, deliveries, postForm, count: metrics.logoutDelivery })
  const jobs: JobDeps = {
    rotation: { advance },
    apiKeys: createApiKeyStore(pool),
    fetchJson,
    maintenance: createMaintenance(pool),
    logoutDelivery,
    policy,
    log,
  }
  return {
    jobs,
    ports: {
      ...ports,
      ...browserPorts,
      idTokens: createIdTokens({ ...ports, ...browserPorts }),
      authSessions: createAuthSessions<SignInState>(envelope, now, 'login'),
      challengeSessions: createAuthSessions<ChallengeState>(envelope, now, 'challenge'),
      statusLists,
      logos: createLogos({ pool }),
      endings: telling(ending.endings, logoutDelivery.kick),
      accounts: createAccounts({ pool }),
    },
    view,
    feed,
    rotation,
    metrics,
    close: async () => {
      await logoutDelivery.stop()
      knownRevocations.close()
      await view.close()
      await passwords.close()
    },
  }
}

function countRefreshes(grants: Grants, metrics: Metrics): Grants {
  return {
    ...grants,
    async refresh(...args) {
      const outcome = await grants.refresh(...args)
      metrics.refresh(outcome.result)
      return outcome
    },
  }
}

/** Clients are told as soon as a session has ended here. */
function telling(endings: Endings, kick: () => void): Endings {
  const told = <Outcome>(outcome: Outcome): Outcome => {
    kick()
    return outcome
  }
  return {
    ...endings,
    endSession: async (...args) => told(await endings.endSession(...args)),
    endOtherSessions: async (...args) => told(await endings.endOtherSessions(...args)),
  }
}

function countForgeries(refreshTokens: RefreshTokens, metrics: Metrics): RefreshTokens {
  return {
    ...refreshTokens,
    async verify(...args) {
      const genuine = await refreshTokens.verify(...args)
      if (!genuine) metrics.refresh('forged')
      return genuine
    },
  }
}

type Measured = {
  readonly pool: StartedDatabase['pool']
  readonly view: ReturnType<typeof createView>
  readonly passwords: ReturnType<typeof createPasswordHasher>
  readonly feed: Feed
}

function measure(metrics: Metrics, { pool, view, passwords, feed }: Measured): void {
  metrics.gauge({
    name: 'argon2_jobs',
    help: 'Passwords being hashed, and waiting for it.',
    label: 'state',
    collect: () => new Map(Object.entries(passwords.stats())),
  })
  metrics.gauge({
    name: 'pool_connections',
    help: 'Connections to the database, and requests waiting for one.',
    label: 'state',
    collect: () =>
      new Map([
        ['open', pool.totalCount],
        ['idle', pool.idleCount],
        ['waiting', pool.waitingCount],
      ]),
  })
  metrics.gauge({
    name: 'view_age_seconds',
    help: 'Time since this process last heard of revocations and changes.',
    ofWorkers: 'max',
    collect: () => view.stats().age,
  })
  metrics.gauge({
    name: 'feed_subscribers',
    help: 'Streams of revocations that are open.',
    collect: () => feed.subscribers(),
  })
}
