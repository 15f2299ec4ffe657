import { expect, it } from 'vitest'
import { newServer } from './fixtures.js'

it('says how long the oldest active key of each purpose has been in use', async () => {
  const server = await newServer()
  server.clock.time += 3600
  const ages = await server.rotation.advance()
  expect(Object.fromEntries(ages)).toMatchObject({ access_token: 3600, mac: 3600, kek: 3600 })
  await server.rotation.rotate(
    server.tenant.id,
    { purpose: 'access_token', now: true, revoke: false },
    { kind: 'operator' },
  )
  server.clock.time += 60
  expect((await server.rotation.advance()).get('access_token')).toBe(60)
})
