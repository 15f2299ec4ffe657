import { expect, it } from 'vitest'
import { acceptPassword, WeakPasswordError } from '../../../src/accounts/password-policy.js'
import { PasswordRefusedError } from '../../../src/crypto/password.js'

it.each(['correct horse', '12345678', 'пароль-1', '密碼密碼密碼密碼'])('accepts %j', (password) => {
  expect(acceptPassword(password)).toBe(password)
})

it.each(['1234567', '👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 'e\u0301e\u0301e\u0301'])(
  'finds %j too short, counting what people see',
  (password) => {
    expect(() => acceptPassword(password)).toThrow(WeakPasswordError)
  },
)

it('refuses what is no password at all', () => {
  expect(() => acceptPassword('')).toThrow(PasswordRefusedError)
  expect(() => acceptPassword('x'.repeat(1025))).toThrow(PasswordRefusedError)
})
