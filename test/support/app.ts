import { createLog } from '../../src/http/log.js'
import type { Route } from '../../src/http/route.js'
import { type App, assemble } from '../../src/http/router.js'
import type { ServeContext } from '../../src/http/serve.js'
import type { Tenant } from '../../src/oauth/records.js'

export const PUBLIC_URL = 'https://id.example.com'

const tenant = (slug: string, issuer: string): Tenant => ({
  id: `id-of-${slug}`,
  slug,
  name: slug === 'acme' ? 'Acme Robotics' : 'Default',
  branding: {},
  issuer,
  maxTokenLifetime: 3600,
  disabled: false,
})

export const DEFAULT_TENANT = tenant('default', PUBLIC_URL)
export const ACME = tenant('acme', `${PUBLIC_URL}/t/acme`)

export interface TestApp extends App {
  /** Every line logged so far, parsed. */
  readonly lines: () => Record<string, unknown>[]
  /** The same, as written. */
  readonly output: () => string
}

/** An app of the given routes over two tenants, whose log can be read. */
export function testApp<Deps>(
  routes: readonly Route<Deps>[],
  { deps, ...context }: Partial<ServeContext<Deps>> & Pick<ServeContext<Deps>, 'deps'>,
): TestApp {
  const written: string[] = []
  const full: ServeContext<Deps> = {
    deps,
    publicUrl: PUBLIC_URL,
    trustedProxyHops: 0,
    tenants: {
      find: async (slug) =>
        slug === undefined ? DEFAULT_TENANT : [DEFAULT_TENANT, ACME].find((one) => one.slug === slug),
    },
    clients: { allowsOrigin: async () => false },
    log: createLog('debug', { write: (line) => void written.push(line) }),
    ...context,
  }
  const output = () => written.join('')
  return {
    ...assemble(routes, full),
    output,
    lines: () => written.map((line) => JSON.parse(line)),
  }
}
