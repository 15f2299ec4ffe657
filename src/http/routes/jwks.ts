import type { Ports } from '../../oauth/ports.js'
import { cacheable, madeOnce } from '../caching.js'
import type { Handler } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type JwksDeps = Pick<Ports, 'jwks'>

/** GET /jwks: the tenant's public keys, RFC 7517 §5. A disabled tenant's too: what it signed must stay readable. */
export const jwks: Handler<JwksDeps> = async ({ tenant }, deps) => answerOf(await deps.jwks.published(tenant))

const answerOf = madeOnce(({ keys, maxAge }: Awaited<ReturnType<Ports['jwks']['published']>>) =>
  cacheable(JSON.stringify({ keys }), 'application/jwk-set+json', maxAge),
)

export const jwksRoute: IssuerRoute<JwksDeps> = {
  name: 'jwks',
  path: '/jwks',
  cors: 'any',
  shared: true,
  methods: { GET: jwks },
}
