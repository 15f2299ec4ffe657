import type { Logos } from '../../oauth/ports.js'
import { cacheable } from '../caching.js'
import { notFound } from '../errors.js'
import type { Handler } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type LogoDeps = { readonly logos: Logos }

/** Seconds a browser keeps it. Pages ask with a `v` of their own for each logo, so that a new one is seen at once. */
const MAX_AGE = 86_400

/** GET {issuer}/branding/logo: the tenant's picture, as what it was found to be and nothing else. */
export const logo: Handler<LogoDeps> = async ({ tenant }, { logos }) => {
  const found = await logos.find(tenant.id)
  if (!found) throw notFound('no_logo')
  const { headers, ...answer } = cacheable(found.bytes, found.contentType, MAX_AGE)
  const policy = "default-src 'none'; frame-ancestors 'none'; sandbox"
  return {
    ...answer,
    headers: { ...headers, 'content-security-policy': policy, 'cross-origin-resource-policy': 'same-origin' },
  }
}

export const logoRoute: IssuerRoute<LogoDeps> = {
  name: 'logo',
  path: '/branding/logo',
  methods: { GET: logo },
}
