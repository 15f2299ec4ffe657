import { describe, expect, test } from 'vitest'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'
import { registerTenant } from '../../../../src/oauth/registration/tenant.js'

describe('a tenant', () => {
  test('is named by its slug and caps tokens at an hour unless told', () => {
    expect(registerTenant({ slug: 'acme' })).toEqual({ slug: 'acme', name: 'acme', maxTokenLifetime: 3600 })
  })

  test.each(['', 'A', '-a', 'a-', 'a_b', 'a/b', 'a.b', '..', 'é', 'x'.repeat(64), 'a\n'])(
    'is refused the slug %j',
    (slug) => {
      expect(() => registerTenant({ slug, name: 'Acme' })).toThrow(RegistrationError)
      expect(() => registerTenant({ slug, name: 'Acme' })).toThrow(expect.objectContaining({ setting: 'slug' }))
    },
  )

  test.each([59, 86_401, 0.5, Number.NaN])('is refused a cap of %d seconds', (maxTokenLifetime) => {
    expect(() => registerTenant({ slug: 'acme', maxTokenLifetime })).toThrow(
      expect.objectContaining({ setting: 'maxTokenLifetime' }),
    )
  })
})
