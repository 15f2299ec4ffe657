import { introspectionRoute } from '../../src/http/routes/introspection.js'
import { jwksRoute } from '../../src/http/routes/jwks.js'
import { metadataRoute, openidConfigurationRoute } from '../../src/http/routes/metadata.js'
import { revocationRoute } from '../../src/http/routes/revocation.js'
import { revocationsRoute } from '../../src/http/routes/revocations.js'
import { statusListAggregationRoute } from '../../src/http/routes/status-lists.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import { createFeed } from '../../src/revocation/feed.js'
import { testApp } from './app.js'
import { createWorld } from './ports.js'

const routes = [
  tokenRoute,
  introspectionRoute,
  revocationRoute,
  revocationsRoute,
  statusListAggregationRoute,
  metadataRoute,
  openidConfigurationRoute,
  jwksRoute,
]

export const BROWSER_POLICY = { sessionLifetime: 43_200, sessionIdleLifetime: 7200, requirePushedRequests: false }

/** The endpoints of the protocol over a world in memory, with one API and one confidential client of it. `settings`: of the feed. */
export function oauthApp(settings?: Parameters<typeof createFeed>[1]) {
  const world = createWorld()
  const api = world.addApi()
  const client = world.addClient({ apis: [api.id] })
  const feed = createFeed({ ...world.ports, watch: world.list.watch }, settings)
  const app = testApp(routes, {
    deps: {
      ...world.ports,
      browserPolicy: BROWSER_POLICY,
      feed,
      statusLists: { token: async () => undefined, uris: async () => [] },
    },
    tenants: world.ports.tenants,
    clients: world.ports.clients,
  })
  return { world, app, feed, api, client, reasons: () => app.lines().map(({ reason }) => reason) }
}

/** An `Authorization` header of a client's or an API's credentials. */
export const basic = ({ id, secret }: { readonly id: string; readonly secret: string }) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
