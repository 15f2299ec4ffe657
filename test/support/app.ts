import { createLog } from '../../src/http/log.js'
import type { Route } from '../../src/http/route.js'
import { type App, assemble } from '../../src/http/router.js'
import type { ServeContext } from '../../src/http/serve.js'

export const TENANTS = new Map([
  ['default', { id: '00000000-0000-4000-8000-000000000001', slug: 'default' }],
  ['acme', { id: '00000000-0000-4000-8000-000000000002', slug: 'acme' }],
])

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
    publicUrl: 'https://id.example.com',
    trustedProxyHops: 0,
    findTenant: async (slug) => TENANTS.get(slug),
    findOrigin: async () => false,
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
