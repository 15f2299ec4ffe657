import type { BrowserPorts } from '../../oauth/browser-ports.js'
import { metadata } from '../../oauth/metadata.js'
import type { Ports } from '../../oauth/ports.js'
import { uiLocales } from '../../ui/texts/languages.js'
import { cacheable } from '../caching.js'
import type { Handler } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type MetadataDeps = Pick<Ports, 'jwks' | 'policy'> & Pick<BrowserPorts, 'browserPolicy'>

/** GET of the metadata, RFC 8414 §3, OpenID Connect Discovery §4: the same bytes wherever they are asked for. */
export const authorizationServerMetadata: Handler<MetadataDeps> = async ({ tenant }, deps) => {
  const { maxAge } = await deps.jwks.published(tenant)
  const known = { ...deps.policy, ...deps.browserPolicy, jwksMaxAge: maxAge, uiLocales }
  return cacheable(JSON.stringify(metadata(tenant, known)), 'application/json', maxAge)
}

export const metadataRoute: IssuerRoute<MetadataDeps> = {
  name: 'metadata',
  path: '/.well-known/oauth-authorization-server',
  wellKnown: true,
  cors: 'any',
  methods: { GET: authorizationServerMetadata },
}

export const openidConfigurationRoute: IssuerRoute<MetadataDeps> = {
  ...metadataRoute,
  name: 'openid_configuration',
  path: '/.well-known/openid-configuration',
  wellKnown: 'either',
}
