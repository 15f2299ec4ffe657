import { randomUUID } from 'node:crypto'
import { newBrowser, rememberBrowser } from '../../src/http/browser.js'
import { accountRoute } from '../../src/http/routes/account.js'
import { endSessionRoute, signOutRoute } from '../../src/http/routes/end-session.js'
import { createJwtSigner } from '../../src/keys/jwt-signer.js'
import { createJwtVerifier } from '../../src/keys/jwt-verifier.js'
import { createSubjects } from '../../src/keys/subjects.js'
import type { JwtKind } from '../../src/oauth/ports.js'
import type { Tenant } from '../../src/oauth/records.js'
import { createAccounts } from '../../src/store/accounts.js'
import { createClients } from '../../src/store/clients.js'
import { createEndings } from '../../src/store/endings.js'
import { createGrants } from '../../src/store/grants.js'
import { createSessions } from '../../src/store/sessions.js'
import { createSignInStates } from '../../src/store/sign-in-states.js'
import { createThrottle } from '../../src/store/throttle.js'
import { PUBLIC_URL, testApp } from './app.js'
import { makeClient, makeGrant, makeUser, operator, type Stage, type World } from './fixtures.js'
import type { Agent } from './http.js'
import { databaseProcess, recordingLog } from './keys.js'

export const CALLBACK = 'https://app.example/signed-out'

export type Query = Record<string, string>

export const logout = (agent: Agent, query: Query, cookie = '', path = '/oauth2/logout') =>
  agent.get(`${path}?${new URLSearchParams(query)}`).set('cookie', cookie)

/** A page's one form: where it goes, and what proves that it is ours. */
export function formOf(text: string) {
  const [, action = ''] = /<form method="post" action="([^"]+)">/.exec(text) ?? []
  const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(text) ?? []
  return { action, csrf }
}

export type SignedIn = Awaited<ReturnType<ReturnType<typeof endingsApp>['signIn']>>

/** Signing out and the account page over Postgres and real keys, for the two tenants of a stage. */
export function endingsApp(stage: Stage) {
  const { pool } = stage
  const now = () => Date.now() / 1000
  const keyring = databaseProcess(pool, { now }).keyring
  const tenants = new Map([stage.ours, stage.theirs].map(({ tenant }) => [tenant.id, tenantOf(tenant)]))
  const ports = {
    clients: createClients({ pool, view: { remember: (_, load) => load() }, grace: 10 }),
    jwtVerifier: createJwtVerifier({ keyring }),
    subjects: createSubjects({ keyring }),
    sessions: createSessions({ pool }),
    signInStates: createSignInStates({ pool }),
    endings: createEndings({ pool }),
    accounts: createAccounts({ pool }),
    throttle: createThrottle(pool, Buffer.alloc(32, 1)),
    log: recordingLog(),
  }
  const signer = createJwtSigner({ keyring })
  const app = testApp([endSessionRoute, signOutRoute, accountRoute], {
    deps: ports,
    tenants: {
      find: async (slug) =>
        slug === undefined
          ? tenants.get(stage.ours.tenant.id)
          : [...tenants.values()].find((tenant) => tenant.slug === slug),
    },
  })
  const tenant = (world: World): Tenant => tenants.get(world.tenant.id) ?? tenantOf(world.tenant)
  function tenantOf({ id, slug }: { id: string; slug: string }): Tenant {
    const issuer = id === stage.ours.tenant.id ? PUBLIC_URL : `${PUBLIC_URL}/t/${slug}`
    return { id, slug, name: 'Ours', branding: {}, issuer, maxTokenLifetime: 3600, disabled: false }
  }
  const cookieOf = (of: World, browser: Parameters<typeof rememberBrowser>[1]) =>
    String(rememberBrowser(tenant(of), browser)['set-cookie']).split(';', 1)[0] ?? ''

  return {
    app,
    ports,
    tenant,
    cookieOf,
    /** A client that may send browsers back here, unless told. */
    client: (of: World, columns: Record<string, unknown> = {}) =>
      makeClient(pool, of.tenant.id, { post_logout_redirect_uris: [CALLBACK], ...columns }),
    /** A browser in which somebody is signed in: of a new user, unless told. */
    async signIn(of: World, { user, userAgent }: { user?: World['user']; userAgent?: string } = {}) {
      const world = { ...of, user: user ?? (await makeUser(pool, of.tenant.id, { name: 'Ann <Example>' })) }
      const made = await ports.sessions.make(
        {
          ...{ tenantId: of.tenant.id, userId: world.user.id, credentialVersion: 1, rev: 0, wide: 0 },
          ...{ authTime: new Date(), amr: ['pwd'], acr: undefined, lifetime: 43_200, idleLifetime: 7_200 },
          ...{ userAgent, address: '192.0.2.7' },
        },
        operator,
      )
      if (made.result !== 'made') throw new Error(made.result)
      const browser = { ...newBrowser(), session: made.token }
      return {
        world,
        browser,
        session: made.id,
        cookie: cookieOf(of, browser),
        isLive: async () => (await ports.sessions.find(of.tenant.id, made.token)) !== undefined,
        grant: (client: { id: string }) =>
          makeGrant(createGrants({ pool }), { ...world, client }, { sessionId: made.id }),
      }
    },
    /** An ID token of a client about who is signed in there; claims override. */
    idToken: (
      { world, session }: { world: World; session: string },
      client: { id: string },
      {
        header = { typ: 'JWT', alg: 'RS256' } as JwtKind,
        ...claims
      }: Record<string, unknown> & { header?: JwtKind } = {},
    ) =>
      signer.sign(tenant(world), header, {
        iss: tenant(world).issuer,
        sub: world.user.id,
        aud: client.id,
        iat: Math.floor(now()) - 86_400,
        // Long expired: a hint all the same.
        exp: Math.floor(now()) - 80_000,
        nonce: randomUUID(),
        sid: Buffer.from(session.replaceAll('-', ''), 'hex').toString('base64url'),
        ...claims,
      }),
  }
}
