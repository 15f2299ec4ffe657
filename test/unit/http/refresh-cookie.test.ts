import { expect, it } from 'vitest'
import { refreshCookieName } from '../../../src/http/refresh-cookie.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'

it('names the cookie of a refresh token by tenant and client, in the characters of a name', () => {
  const owners = [DEFAULT_TENANT, ACME].flatMap((tenant) =>
    ['cl_a', 'cl_b', 'https://client.example/a=b; c'].map((id) => ({ tenant, client: { id } })),
  )
  const names = owners.map(refreshCookieName)
  expect(new Set(names).size).toBe(owners.length)
  for (const name of names) expect(name).toMatch(/^__Host-[\w.-]+$/)
})
