import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminHere, makeDefaultTenant } from '../support/admin.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Environment, installation } from '../support/server.js'

type Json = Record<string, unknown>

describe('the admin script', { timeout: 240_000 }, () => {
  let database: TestDatabase
  let env: Environment

  beforeAll(async () => {
    database = await testDatabase()
    await makeDefaultTenant(database.connection)
    env = await installation(database.url)
  })
  afterAll(() => database.drop())

  async function json(...args: readonly string[]): Promise<{ made: Json; stderr: string }> {
    const { code, stdout, stderr } = await adminHere(env, [...args, '--json'])
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
    return { made: JSON.parse(stdout) as Json, stderr }
  }
  async function refused(...args: readonly string[]): Promise<string> {
    const { code, stderr } = await adminHere(env, args)
    expect(code, args.join(' ')).not.toBe(0)
    return stderr
  }
  const keysOf = async (purpose: string, tenant = 'default') =>
    (await json('key', 'list', '--purpose', purpose, '--tenant', tenant)).made['keys'] as Json[]

  test('registers how introspection responses to an API are signed and encrypted', async () => {
    const create = ['api', 'create', '--scope', 'read', '--identifier']
    const { made: plain } = await json(...create, 'urn:plain')
    expect(plain).toMatchObject({ introspection_signed_response_alg: 'RS256', introspection_encryption: false })

    const { made } = await json(
      ...[...create, 'urn:signed', '--format', 'opaque', '--introspection-alg', 'Ed25519'],
      ...['--introspection-encryption', 'on', '--enc', 'A128CBC-HS256'],
    )
    expect(made).toMatchObject({
      format: 'opaque',
      introspection_signed_response_alg: 'Ed25519',
      introspection_encryption: true,
      alg: 'ECDH-ES',
      enc: 'A128CBC-HS256',
      private_jwk: { use: 'enc' },
    })
    // The key that signs is there before anybody asks, so that the key set has it in time.
    expect(await keysOf('introspection')).toMatchObject([{ algorithm: 'Ed25519', status: 'active' }])

    const update = ['api', 'update', '--identifier', 'urn:signed']
    expect((await json(...update, '--introspection-alg', 'ES256')).made).toMatchObject({
      introspection_signed_response_alg: 'ES256',
      introspection_encryption: true,
    })
    const off = (await json(...update, '--introspection-encryption', 'off')).made
    expect(off).toMatchObject({ introspection_encryption: false })
    expect(off).not.toHaveProperty('alg')
    expect(await refused(...update, '--introspection-encryption', 'on')).toMatch(/--jwks is needed/)
    expect(await refused(...update, '--introspection-encryption', 'maybe')).toMatch(/must be on or off/)
    expect(await refused(...update, '--introspection-alg', 'none')).toMatch(/^--introspection-alg must be one of/)
  })
})
