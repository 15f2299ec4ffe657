import type { Route } from './http/route.js'
import { type App, assemble } from './http/router.js'
import { type HealthDeps, live, ready } from './http/routes/health.js'
import type { ServeContext } from './http/serve.js'

export type AppDeps = HealthDeps

/** Every endpoint of the server. */
export const routes: readonly Route<AppDeps>[] = [
  { root: true, name: 'live', path: '/health/live', methods: { GET: live } },
  { root: true, name: 'ready', path: '/health/ready', methods: { GET: ready } },
]

/** The application over its dependencies; it opens no port. */
export const createApp = (context: ServeContext<AppDeps>): App => assemble(routes, context)
