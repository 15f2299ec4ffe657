import type { IdTokens } from './browser-ports.js'
import { assertIdTokenReady, type IdTokenPorts, issueIdToken } from './id-token.js'

/** The ID tokens that go with what a token endpoint gives. OpenID Connect Core §3.1.3.3, §12.2. */
export function createIdTokens(ports: IdTokenPorts): IdTokens {
  return {
    assertReady: (tenant, client) => assertIdTokenReady({ tenant, client }, ports),
    issue: ({ grant, ...about }) => issueIdToken({ ...about, authentication: grant, scope: grant.scope }, ports),
  }
}
