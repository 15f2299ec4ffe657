import { decodeProtectedHeader } from 'jose'
import { expect, it } from 'vitest'
import { verifyJws } from '../../../src/crypto/jws.js'
import { newServer } from './fixtures.js'

it.each([
  ['revocations+jwt', 'revocations'],
  ['statuslist+jwt', 'status_list'],
] as const)('signs a list of type %s with the key of its purpose alone', async (typ, purpose) => {
  const server = await newServer()
  const list = await server.listSigner.sign(server.tenant, { typ }, { iss: server.tenant.issuer })
  const keys = await server.keyring.all(server.tenant.id)
  const key = keys.signing(purpose, 'ES256')
  expect(decodeProtectedHeader(list)).toEqual({ typ, alg: 'ES256', kid: key?.kid })
  const { payload } = verifyJws(list, (kid) => (kid === key?.kid ? key : undefined), { typ, algorithms: ['ES256'] })
  expect(payload).toEqual({ iss: server.tenant.issuer })
  expect(keys.verification(key?.kid ?? '')).toBeUndefined()
})

it.each(['at+jwt', 'JWT', 'constructor'])('signs nothing of type %s', async (typ) => {
  const server = await newServer()
  await expect(server.listSigner.sign(server.tenant, { typ }, {})).rejects.toThrow(RangeError)
})
