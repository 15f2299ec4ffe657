import { createHash } from 'node:crypto'
import { createAuthSessions } from '../../src/accounts/auth-session.js'
import type { ChallengeState } from '../../src/accounts/authorization-challenge.js'
import type { SignInState } from '../../src/accounts/sign-in.js'
import { createEnvelope } from '../../src/crypto/envelope.js'
import { newBrowser, rememberBrowser } from '../../src/http/browser.js'
import type { BrowserPorts } from '../../src/oauth/browser-ports.js'
import type { Endings } from '../../src/oauth/ending-ports.js'
import type { Grants, Passwords, Users } from '../../src/oauth/ports.js'
import type { Client } from '../../src/oauth/records.js'
import { DEFAULT_TENANT } from './app.js'
import { createBrowserWorld } from './browser-ports.js'
import { createWorld } from './ports.js'

export const ANN = { username: 'ann@example.com', password: 'correct horse' }

/** A verifier of RFC 7636 §4.1, and what it is challenged by. */
export const VERIFIER = 'a-verifier-of-forty-three-characters-or-more'
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

export const ORIGIN = 'https://app.example.com'
export const REDIRECT_URI = `${ORIGIN}/callback`

/** Somebody with a password, and apps of their own tenant's, in memory: everything that signs her in, by a browser or without. */
export function firstPartyWorld(given: Partial<Client> = {}) {
  const world = createWorld()
  const browsers = createBrowserWorld(world)
  const ann = browsers.addUser(DEFAULT_TENANT.id, { username: ANN.username })
  const api = world.addApi()
  const app = {
    public: true,
    firstParty: true,
    grantTypes: ['authorization_code', 'refresh_token'],
    redirectUris: [REDIRECT_URI],
    origins: [ORIGIN],
    apis: [api.id],
  }
  const client = world.addClient({ ...app, ...given })
  /** What happens between the look at a password and what is made of it. */
  const meanwhile: { happens: () => Promise<void> } = { happens: async () => {} }
  const users: Users = {
    forSignIn: async (tenantId, username, { clientId, apis }) => {
      const known = username === ANN.username && tenantId === DEFAULT_TENANT.id
      const found = clientId === undefined ? undefined : await world.ports.clients.find(tenantId, clientId)
      const live = await world.ports.apis.list(tenantId, apis)
      return {
        rev: 1_000,
        wide: 0,
        user: known
          ? { id: ann.id, credentialVersion: 1, disabled: world.isUserDisabled(ann.id), passwordHash: ANN.password }
          : undefined,
        clientLive: found?.disabled === false,
        liveApis: live.map(({ id }) => id),
      }
    },
    upgradePassword: async () => 'upgraded',
  }
  const passwords: Passwords = {
    verify: async (password, hash) => {
      await meanwhile.happens()
      return { ok: password === hash, rehash: false }
    },
    hash: async (password) => password,
  }
  const make: Grants['make'] = async ({ credentialVersion: _, rev, wide, ...made }) => {
    const owner = await world.ports.clients.find(made.tenantId, made.clientId)
    if (!owner) throw new Error('A grant of no client.')
    const { grant } = await world.addGrant(owner, { ...made, sessionId: made.sessionId })
    return { result: 'made', grant: { ...grant, state: 'live', rev, wide } }
  }
  const idTokens: BrowserPorts['idTokens'] = {
    assertReady: async () => {},
    issue: async ({ grant, nonce }) => `id token of ${grant.userId} for ${nonce}`,
  }
  const endings: Pick<Endings, 'endSession'> = { endSession: async () => ({ result: 'nothing' }) }
  const envelope = createEnvelope(Buffer.alloc(32, 1))
  const deps = {
    ...world.ports,
    ...browsers.ports,
    grants: { ...world.ports.grants, make },
    users,
    passwords,
    idTokens,
    endings,
    authSessions: createAuthSessions<SignInState>(envelope, world.now, 'login'),
    challengeSessions: createAuthSessions<ChallengeState>(envelope, world.now, 'challenge'),
  }
  /** The cookie of a browser in which Ann is signed in. */
  const signedIn = async () => {
    const session = {
      tenantId: DEFAULT_TENANT.id,
      userId: ann.id,
      credentialVersion: 1,
      authTime: new Date(world.now() * 1000),
      amr: ['pwd'],
      acr: '1',
      rev: 1_000,
      wide: 0,
      lifetime: 3600,
      idleLifetime: 3600,
      userAgent: undefined,
      address: '192.0.2.1',
    }
    const made = await browsers.ports.sessions.make(session, { kind: 'user', id: ann.id })
    if (made.result !== 'made') throw new Error(made.result)
    const header = rememberBrowser(DEFAULT_TENANT, { ...newBrowser(), session: made.token })
    return String(header['set-cookie']).split(';', 1)[0] ?? ''
  }
  return { world, browsers, ann, api, app, client, meanwhile, deps, signedIn }
}

export type FirstPartyWorld = ReturnType<typeof firstPartyWorld>
