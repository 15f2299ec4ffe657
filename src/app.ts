import type { Route } from './http/route.js'
import { type App, assemble } from './http/router.js'
import { type AccountDeps, accountRoute } from './http/routes/account.js'
import { assetsRoute } from './http/routes/assets.js'
import { type AuthorizeDeps, authorizeRoute } from './http/routes/authorize.js'
import { authorizeChallengeRoute, type ChallengeDeps } from './http/routes/authorize-challenge.js'
import { type EndSessionDeps, endSessionRoute, signOutRoute } from './http/routes/end-session.js'
import { type HealthDeps, live, ready } from './http/routes/health.js'
import { introspectionRoute } from './http/routes/introspection.js'
import { jwksRoute } from './http/routes/jwks.js'
import { type LoginDeps, loginRoute } from './http/routes/login.js'
import { type LogoDeps, logoRoute } from './http/routes/logo.js'
import { logoutRoute } from './http/routes/logout.js'
import { metadataRoute, openidConfigurationRoute } from './http/routes/metadata.js'
import { parRoute } from './http/routes/par.js'
import { refreshRoute } from './http/routes/refresh.js'
import { revocationRoute } from './http/routes/revocation.js'
import { type RevocationsDeps, revocationsRoute } from './http/routes/revocations.js'
import { type SignInDeps, signInRoute } from './http/routes/sign-in.js'
import { type StatusListDeps, statusListAggregationRoute, statusListRoute } from './http/routes/status-lists.js'
import { tokenRoute } from './http/routes/token.js'
import { userinfoRoute } from './http/routes/userinfo.js'
import type { ServeContext } from './http/serve.js'
import type { BrowserPorts } from './oauth/browser-ports.js'
import type { Ports } from './oauth/ports.js'

export type AppDeps = HealthDeps &
  Ports &
  BrowserPorts &
  AuthorizeDeps &
  ChallengeDeps &
  SignInDeps &
  LoginDeps &
  RevocationsDeps &
  StatusListDeps &
  LogoDeps &
  EndSessionDeps &
  AccountDeps

/** What answers before anything else can, and after. */
export const healthRoutes: readonly Route<HealthDeps>[] = [
  { root: true, name: 'live', path: '/health/live', methods: { GET: live } },
  { root: true, name: 'ready', path: '/health/ready', methods: { GET: ready } },
]

/** Every endpoint of the server. */
export const routes: readonly Route<AppDeps>[] = [
  ...healthRoutes,
  assetsRoute,
  logoRoute,
  authorizeRoute,
  signInRoute,
  parRoute,
  authorizeChallengeRoute,
  tokenRoute,
  userinfoRoute,
  introspectionRoute,
  revocationRoute,
  revocationsRoute,
  statusListRoute,
  statusListAggregationRoute,
  jwksRoute,
  metadataRoute,
  openidConfigurationRoute,
  loginRoute,
  refreshRoute,
  logoutRoute,
  endSessionRoute,
  signOutRoute,
  accountRoute,
]

/** The application over its dependencies; it opens no port. */
export const createApp = (context: ServeContext<AppDeps>): App => assemble(routes, context)
