import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKnownKeys } from '../../src/store/known-keys.js'
import { adminHere, makeDefaultTenant } from '../support/admin.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Environment, installation } from '../support/server.js'

type Json = Record<string, unknown>

describe('the admin script', { timeout: 240_000 }, () => {
  let database: TestDatabase
  let env: Environment
  let pool: pg.Pool

  beforeAll(async () => {
    database = await testDatabase()
    await makeDefaultTenant(database.connection)
    env = await installation(database.url)
    pool = new pg.Pool(database.connection)
    pool.on('error', () => {})
  })
  afterAll(async () => {
    await pool.end()
    await database.drop()
  })

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

  test('shows which APIs hold a signing key, warns of those that do not, and waits for none', async () => {
    const tenant = 'told'
    const options = ['--tenant', tenant]
    await json('tenant', 'create', '--slug', tenant)
    const tenantId = (await pool.query('SELECT id FROM tenants WHERE slug = $1', [tenant])).rows[0].id
    const apis = await Promise.all(
      ['urn:a', 'urn:b', 'urn:silent'].map(async (identifier) => {
        const { made } = await json('api', 'create', '--identifier', identifier, '--scope', 'read', ...options)
        return { tenantId, id: String(made['api_id']) }
      }),
    )
    const [first] = await keysOf('access_token', tenant)
    const kid = String(first?.['key_id'])
    expect(first).toMatchObject({ known_to: [], unknown_to: [] })

    const { note } = createKnownKeys(pool)
    for (const api of apis.slice(0, 2)) await note(api, [kid])
    const listed = await json('key', 'list', '--purpose', 'access_token', ...options)
    expect(listed.made['keys']).toMatchObject([{ known_to: ['urn:a', 'urn:b'], unknown_to: [] }])
    expect(listed.stderr).toBe('')

    const rotated = await json('key', 'rotate', '--purpose', 'access_token', ...options)
    const [{ key_id: next } = {}] = rotated.made['keys'] as Json[]
    expect(rotated.stderr).toContain(String(next))
    expect(rotated.stderr).toMatch(/^Warning: .*: urn:a, urn:b$/m)
    expect(rotated.stderr).not.toContain('urn:silent')

    if (apis[0]) await note(apis[0], [String(next)])
    const { code, stdout, stderr } = await adminHere(env, ['key', 'list', ...options])
    expect(code).toBe(0)
    expect(stdout).toMatch(/known_to/)
    expect(stdout).toMatch(new RegExp(`^${kid} .* active .* urn:a urn:b$`, 'm'))
    expect(stderr).toMatch(/^Warning: .*: urn:b$/m)
    expect(await keysOf('access_token', tenant)).toMatchObject([
      { key_id: kid, known_to: ['urn:a', 'urn:b'], unknown_to: [] },
      { key_id: next, known_to: ['urn:a'], unknown_to: ['urn:b'] },
    ])

    const now = await json('key', 'rotate', '--purpose', 'access_token', '--now', ...options)
    expect(now.made['keys']).toMatchObject([{ key_id: next }])
    expect(now.stderr).toMatch(/^Warning: .*: urn:b$/m)
    const [retired, active] = await keysOf('access_token', tenant)
    expect(retired).toMatchObject({ key_id: kid, status: 'retired', unknown_to: [] })
    expect(active).toMatchObject({ key_id: next, status: 'active', unknown_to: ['urn:b'] })
    for (const one of await keysOf('kek', tenant)) expect(one).not.toHaveProperty('known_to')
    expect((await keysOf('access_token')).every((one) => String(one['known_to']) === '')).toBe(true)
  })

  test('warns of a grace in which a thief and the owner can share a grant', async () => {
    const create = ['client', 'create', '--name', 'App', '--public', '--first-party', '--api', 'urn:plain']
    expect((await json(...create, '--grace', '59')).stderr).toBe('')
    const { made, stderr } = await json(...create, '--grace', '60')
    expect(stderr).toMatch(/^Warning: For 60 seconds .*thief/m)
    const changed = await json('client', 'update', '--id', String(made['client_id']), '--grace', '300')
    expect(changed.stderr).toMatch(/^Warning: For 300 seconds/m)
  })
})
