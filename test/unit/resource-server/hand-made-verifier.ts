import type { Requirements, VerifiedClaims } from '../../../src/resource-server/options.js'
import type { RequestParts, Verifier } from '../../../src/resource-server/verifier.js'
import { VerifyError } from '../../../src/resource-server/verify-error.js'

export const METADATA_PATH = '/.well-known/oauth-protected-resource'

export const claims: VerifiedClaims = {
  iss: 'https://login.example',
  sub: 'ann',
  aud: 'https://orders.example',
  client_id: 'shop',
  iat: 1,
  exp: 301,
  jti: 'j',
  rev: 1,
  scope: 'orders:read',
}

/** A refusal, whatever its constructor takes. */
export function refusal(fields: Pick<VerifyError, 'status' | 'headers' | 'body'>): VerifyError {
  return Object.assign(Object.create(VerifyError.prototype) as VerifyError, { code: 'c', reason: 'r', ...fields })
}

const body = (error: string) => ({ error, error_description: 'No.' })
const challenge = (text: string) => ({ 'www-authenticate': text, 'dpop-nonce': 'n', 'cache-control': 'no-store' })
const REFUSALS: Readonly<Record<string, () => Error>> = {
  '': () => refusal({ status: 401, headers: challenge('Bearer'), body: undefined }),
  'Bearer bad': () =>
    refusal({ status: 401, headers: challenge('Bearer error="invalid_token"'), body: body('invalid_token') }),
  'Bearer poor': () =>
    refusal({
      status: 403,
      headers: challenge('Bearer error="insufficient_scope"'),
      body: body('insufficient_scope'),
    }),
  'Bearer stale': () => refusal({ status: 503, headers: { 'retry-after': '1' }, body: undefined }),
  'Bearer fault': () => new Error('a fault of ours'),
}

/** Knows the token `good`, and how each refusal looks; keeps what it was asked. */
export function handMadeVerifier() {
  const asked: { readonly parts: RequestParts; readonly requirements: Requirements | undefined }[] = []
  const verifier: Verifier = {
    verify: async () => claims,
    async authenticate(parts, requirements) {
      asked.push({ parts, requirements })
      if (parts.authorization.length > 1 || parts.authorization[0]?.includes(',')) {
        throw refusal({ status: 400, headers: {}, body: body('invalid_request') })
      }
      const refused = REFUSALS[parts.authorization[0] ?? '']
      if (refused) throw refused()
      return { claims, headers: parts.dpop.length > 0 ? { 'dpop-nonce': 'next' } : {} }
    },
    check(requirements) {
      if (requirements.maxAge === -1) throw new TypeError('maxAge')
    },
    wellKnown: (target) =>
      target.split('?')[0] === METADATA_PATH
        ? {
            status: 200,
            headers: { 'content-type': 'application/json', 'access-control-allow-origin': '*' },
            body: '{"resource":"https://orders.example"}',
          }
        : undefined,
    ready: async () => {},
    status: () => ({ ready: true, revocations: undefined, signingKeys: [], keysAge: 0, rememberedTokens: 0 }),
    close() {},
  }
  return { verifier, asked }
}
