import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import { memory } from './memory.mjs'

// oidc-provider at its best, as a process of its own: production, no debug, no page, no proxy in front, a store in memory that does as
// little as it can (the one it ships copies and sorts out the tokens of a grant at every refresh, and is slower), and keys in the form
// that jose need not convert. It is told what tokens to make, and answers with where it is and with what it holds.

const RESOURCE = 'https://api.example.com'
const SCOPE = 'orders:read orders:write'
const CLIENT = { id: 'service', secret: 'a-secret-of-forty-three-characters-in-base64' }
const ALGORITHMS = {
  X25519: { alg: 'ECDH-ES', by: { name: 'X25519' }, usages: [] },
  'P-256': { alg: 'ECDH-ES', by: { name: 'ECDH', namedCurve: 'P-256' }, usages: [] },
  RSA: { alg: 'RSA-OAEP-256', by: { name: 'RSA-OAEP', hash: 'SHA-256' }, usages: ['encrypt'] },
}

/** How a resource server has its tokens: opaque, signed, or signed and encrypted to its key. */
async function formatOf({ kind, recipient }) {
  if (kind === 'opaque') return { accessTokenFormat: 'opaque' }
  const sign = { alg: 'ES256' }
  if (kind === 'signed') return { accessTokenFormat: 'jwt', jwt: { sign } }
  const { alg, by, usages } = ALGORITHMS[kind]
  const { kid, use: _, ...jwk } = recipient
  const key = await crypto.subtle.importKey('jwk', jwk, by, false, usages)
  return { accessTokenFormat: 'jwt', jwt: { sign, encrypt: { alg, enc: 'A256GCM', key, kid } } }
}

async function start({ kind, recipient, signingJwk, grants, port }) {
  const api = { scope: SCOPE, audience: RESOURCE, accessTokenTTL: 300, ...(await formatOf({ kind, recipient })) }
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    adapter: memory,
    jwks: { keys: [signingJwk] },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
        response_types: ['code'],
        redirect_uris: ['https://app.example.com/callback'],
        id_token_signed_response_alg: 'ES256',
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    // Without it the grant of refresh tokens is not there.
    scopes: ['offline_access', ...SCOPE.split(' ')],
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    ttl: { AccessToken: 300, ClientCredentials: 300, RefreshToken: 604_800, Grant: 2_592_000 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => api,
      },
    },
  })
  const client = await provider.Client.find(CLIENT.id)
  const refreshTokens = await Promise.all(
    Array.from({ length: grants }, async (_, n) => {
      const about = { accountId: `user-${n}`, clientId: CLIENT.id }
      const grant = new provider.Grant(about)
      grant.addResourceScope(RESOURCE, SCOPE)
      const grantId = await grant.save()
      const more = { client, grantId, scope: SCOPE, resource: RESOURCE, gty: 'authorization_code', authTime: 0 }
      return new provider.RefreshToken({ ...about, ...more }).save()
    }),
  )
  // Koa's own `listen` makes the same server.
  const server = createServer(provider.callback())
  // It has nothing to do while the others take their turns.
  server.keepAliveTimeout = 0
  server.listen(port, '127.0.0.1', () => process.send({ client: CLIENT, resource: RESOURCE, refreshTokens }))
}

process.once('message', start)
// It ends with whoever started it.
process.on('disconnect', () => process.exit(0))
