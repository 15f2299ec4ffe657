import { decodeProtectedHeader } from 'jose'
import { expect, it } from 'vitest'
import { verifyJws } from '../../../src/crypto/jws.js'
import type { SigningAlgorithm } from '../../../src/oauth/records.js'
import { newServer } from './fixtures.js'

it.each([
  ['revocations+jwt', 'revocations'],
  ['statuslist+jwt', 'status_list'],
  ['token-introspection+jwt', 'introspection', 'RS256'],
  ['token-introspection+jwt', 'introspection', 'Ed25519'],
  ['JWT', 'id_token', 'RS256'],
  ['JWT', 'id_token', 'PS256'],
  ['userinfo+jwt', 'id_token', 'RS256'],
  ['logout+jwt', 'id_token', 'ES256'],
] as const)(
  'signs what is of type %s with the key of its purpose alone: %s %s',
  async (typ, purpose, given?: SigningAlgorithm) => {
    const alg = given ?? 'ES256'
    const server = await newServer()
    const list = await server.jwtSigner.sign(server.tenant, given ? { typ, alg } : { typ }, {
      iss: server.tenant.issuer,
    })
    const keys = await server.keyring.all(server.tenant.id)
    const key = keys.signing(purpose, alg)
    expect(decodeProtectedHeader(list)).toEqual({ typ, alg, kid: key?.kid })
    const { payload } = verifyJws(list, (kid) => (kid === key?.kid ? key : undefined), {
      typ: typ.toLowerCase(),
      algorithms: [alg],
    })
    expect(payload).toEqual({ iss: server.tenant.issuer })
    expect(keys.verification(key?.kid ?? '')).toBeUndefined()
  },
)

it.each(['at+jwt', 'jwt', 'constructor'])('signs nothing of type %s', async (typ) => {
  const server = await newServer()
  await expect(server.jwtSigner.sign(server.tenant, { typ }, {})).rejects.toThrow(RangeError)
})
