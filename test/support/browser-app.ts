import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { accountRoute } from '../../src/http/routes/account.js'
import { authorizeRoute } from '../../src/http/routes/authorize.js'
import { endSessionRoute, signOutRoute } from '../../src/http/routes/end-session.js'
import { parRoute } from '../../src/http/routes/par.js'
import { signInRoute } from '../../src/http/routes/sign-in.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import { userinfoRoute } from '../../src/http/routes/userinfo.js'
import type { Client, Tenant } from '../../src/oauth/records.js'
import { DEFAULT_TENANT, testApp } from './app.js'
import { createBrowser } from './browser.js'
import { createBrowserWorld } from './browser-ports.js'
import { createWorld, type WithSecret } from './ports.js'
import { type Asked, relyingParty } from './relying-party.js'

const routes = [
  authorizeRoute,
  signInRoute,
  parRoute,
  tokenRoute,
  userinfoRoute,
  endSessionRoute,
  signOutRoute,
  accountRoute,
]

export const CALLBACK = 'https://rp.example/cb'
export const PASSWORD = 'correct horse battery staple'

export type BrowserApp = Awaited<ReturnType<typeof browserApp>>

/** The browser flow over a world in memory, listening on loopback; its issuer is on https. Everybody's password is `PASSWORD`. */
export async function browserApp() {
  const world = createWorld()
  const people = createBrowserWorld(world)
  const known = new Map<string, { id: string; version: number }>()
  const throttled = { seconds: 0, flows: 0, counted: 0, tries: [] as string[] }
  const deps = {
    ...world.ports,
    ...people.ports,
    throttle: {
      ...world.ports.throttle,
      take: async (_tenantId: string, { username }: { username: string }) => {
        throttled.tries.push(username)
        return throttled.seconds > 0
          ? { retryAfter: throttled.seconds, bucket: 'account' as const }
          : ('taken' as const)
      },
      flowBegun: async () => {
        throttled.counted += 1
        return throttled.flows > 0 ? { retryAfter: throttled.flows } : ('counted' as const)
      },
    },
    users: {
      forSignIn: async (
        tenantId: string,
        username: string,
        asked: { clientId: string | undefined; apis: readonly string[] },
      ) => {
        const found = known.get(`${tenantId} ${username}`)
        const client = asked.clientId === undefined || (await world.ports.clients.find(tenantId, asked.clientId))
        return {
          rev: 1_000,
          wide: 0,
          user: found && {
            id: found.id,
            credentialVersion: found.version,
            disabled: world.isUserDisabled(found.id),
            passwordHash: PASSWORD,
          },
          clientLive: client === true || client?.disabled === false,
          liveApis: asked.apis,
        }
      },
      upgradePassword: async () => 'upgraded' as const,
    },
    passwords: {
      verify: async (password: string, phc: string | undefined) => ({ ok: password === phc, rehash: false }),
      hash: async (password: string) => password,
    },
    endings: {
      endSession: async (tenantId: string, { id }: { id: string }) => {
        await people.endSession(tenantId, id)
        return { result: 'ended' as const, frontchannelLogoutUris: [] }
      },
      endOtherSessions: async () => 'nothing' as const,
      endAccess: async () => 'nothing' as const,
    },
    accounts: { sessions: async () => [], apps: async () => [] },
  }
  const app = testApp(routes, { deps, tenants: world.ports.tenants, clients: world.ports.clients })
  const server = createServer(app.listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    world,
    people,
    app,
    throttled,
    reasons: () => app.lines().map(({ reason }) => reason),
    browser: () => createBrowser(url),
    /** A user that can sign in. */
    person(username: string, tenant: Tenant = DEFAULT_TENANT) {
      const { id } = people.addUser(tenant.id, { username, name: username.split('@')[0] })
      known.set(`${tenant.id} ${username}`, { id, version: 1 })
      return { id, username, password: PASSWORD }
    },
    /** A client that may use codes, with `CALLBACK` unless told; first-party unless told. */
    client(given: Partial<Client> & { tenant?: Tenant } = {}): WithSecret<Client> & { redirectUri: string } {
      const client = world.addClient({
        firstParty: true,
        grantTypes: ['authorization_code', 'refresh_token'],
        redirectUris: [CALLBACK],
        ...given,
      })
      const [redirectUri = CALLBACK] = client.redirectUris
      return { ...client, redirectUri }
    },
    rp: (
      client: { id: string; secret?: string; redirectUri: string },
      asked: Asked = {},
      at: Tenant = DEFAULT_TENANT,
    ) => relyingParty(`${url}${new URL(at.issuer).pathname.replace(/\/$/, '')}`, client, asked),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
