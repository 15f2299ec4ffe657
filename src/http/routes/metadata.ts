import type { BrowserPorts } from '../../oauth/browser-ports.js'
import { metadata } from '../../oauth/metadata.js'
import type { Ports } from '../../oauth/ports.js'
import type { Tenant } from '../../oauth/records.js'
import { uiLocales } from '../../ui/texts/languages.js'
import { cacheable } from '../caching.js'
import type { Handler, HttpResponse } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type MetadataDeps = Pick<Ports, 'jwks' | 'policy'> & Pick<BrowserPorts, 'browserPolicy'>

/** GET of the metadata, RFC 8414 §3, OpenID Connect Discovery §4: the same bytes wherever they are asked for. */
export const authorizationServerMetadata: Handler<MetadataDeps> = async ({ tenant }, deps) => {
  const { maxAge } = await deps.jwks.published(tenant)
  const made = answers.get(tenant)
  if (made?.maxAge === maxAge && made.policy === deps.policy && made.browserPolicy === deps.browserPolicy) {
    return made.answer
  }
  const known = { ...deps.policy, ...deps.browserPolicy, jwksMaxAge: maxAge, uiLocales }
  const body = JSON.stringify(metadata(tenant, known))
  const answer = { ...cacheable(body, 'application/json', maxAge), fixed: true }
  const { policy, browserPolicy } = deps
  answers.set(tenant, { policy, browserPolicy, maxAge, answer })
  return answer
}

type Made = Pick<MetadataDeps, 'policy' | 'browserPolicy'> & { readonly maxAge: number; readonly answer: HttpResponse }
// Of what is known of a tenant, which is another object once it has changed.
const answers = new WeakMap<Tenant, Made>()

export const metadataRoute: IssuerRoute<MetadataDeps> = {
  name: 'metadata',
  path: '/.well-known/oauth-authorization-server',
  wellKnown: true,
  cors: 'any',
  shared: true,
  methods: { GET: authorizationServerMetadata },
}

export const openidConfigurationRoute: IssuerRoute<MetadataDeps> = {
  ...metadataRoute,
  name: 'openid_configuration',
  path: '/.well-known/openid-configuration',
  wellKnown: 'either',
}
