import { metadata } from '../../oauth/metadata.js'
import type { Ports } from '../../oauth/ports.js'
import { cacheable } from '../caching.js'
import type { Handler } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type MetadataDeps = Pick<Ports, 'jwks' | 'policy'>

/** GET /.well-known/oauth-authorization-server, RFC 8414 §3. */
export const authorizationServerMetadata: Handler<MetadataDeps> = async ({ tenant }, { jwks, policy }) => {
  const { maxAge } = await jwks.published(tenant)
  return cacheable(JSON.stringify(metadata(tenant, { ...policy, jwksMaxAge: maxAge })), 'application/json', maxAge)
}

export const metadataRoute: IssuerRoute<MetadataDeps> = {
  name: 'metadata',
  path: '/.well-known/oauth-authorization-server',
  wellKnown: true,
  cors: 'any',
  methods: { GET: authorizationServerMetadata },
}
