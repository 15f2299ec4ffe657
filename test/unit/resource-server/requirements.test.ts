import { describe, expect, it } from 'vitest'
import type { Requirements } from '../../../src/resource-server/options.js'
import { defineRequirements, scopeHierarchy, unmetRequirement } from '../../../src/resource-server/requirements.js'

const NOW = 1_790_000_000
type Claims = Parameters<typeof unmetRequirement>[0]

function judge(required: Requirements, claims: Claims, implied: Record<string, string[]> = {}) {
  const context = { now: NOW, clockTolerance: 60, hierarchy: scopeHierarchy(implied) }
  return unmetRequirement(claims, defineRequirements(required), context)
}

const lacking = { code: 'insufficient_scope', reason: 'missing_scope' }
const stepUp = (reason: string, asked: object) => ({ code: 'insufficient_user_authentication', reason, ...asked })

describe('a route that requires', () => {
  const write = { 'orders:write': ['orders:read'], admin: ['orders:write', 'users:read'] }
  const cases: {
    name: string
    given: [Requirements, Claims, Record<string, string[]>?]
    expect: object | undefined
  }[] = [
    { name: 'nothing takes a token without a scope', given: [{}, {}], expect: undefined },
    { name: 'a scope takes it', given: [{ scope: 'a' }, { scope: 'b a' }], expect: undefined },
    { name: 'two scopes takes both', given: [{ scope: 'a b' }, { scope: 'b c a' }], expect: undefined },
    { name: 'two scopes refuses one', given: [{ scope: ['a', 'b'] }, { scope: 'a' }], expect: lacking },
    { name: 'a scope refuses a token without', given: [{ scope: 'a' }, {}], expect: lacking },
    { name: 'a scope refuses an empty one', given: [{ scope: 'a' }, { scope: '' }], expect: lacking },
    { name: 'a scope knows case', given: [{ scope: 'a' }, { scope: 'A' }], expect: lacking },
    { name: 'a scope refuses a longer one', given: [{ scope: 'a' }, { scope: 'aa a:b' }], expect: lacking },
    {
      name: 'a scope takes what implies it',
      given: [{ scope: 'orders:read' }, { scope: 'orders:write' }, write],
      expect: undefined,
    },
    {
      name: 'a scope takes what implies what implies it',
      given: [{ scope: 'orders:read' }, { scope: 'admin' }, write],
      expect: undefined,
    },
    {
      name: 'a scope refuses what it implies',
      given: [{ scope: 'admin' }, { scope: 'orders:write' }, write],
      expect: lacking,
    },
    {
      name: 'a scope takes it round a circle',
      given: [{ scope: 'a' }, { scope: 'c' }, { a: ['b'], b: ['c'], c: ['a'] }],
      expect: undefined,
    },
    {
      name: 'a scope like __proto__ refuses all others',
      given: [{ scope: '__proto__' }, { scope: 'a' }, write],
      expect: lacking,
    },
    {
      name: 'a scope like constructor refuses all others',
      given: [{ scope: 'name' }, { scope: 'constructor toString' }, write],
      expect: lacking,
    },
    {
      name: 'a scope called __proto__ takes what implies it',
      given: [{ scope: 'x' }, { scope: '__proto__' }, JSON.parse('{"__proto__":["x"]}')],
      expect: undefined,
    },
    { name: 'a recent sign-in takes one', given: [{ maxAge: 300 }, { auth_time: NOW - 300 }], expect: undefined },
    {
      name: 'a recent sign-in takes one at the tolerance',
      given: [{ maxAge: 300 }, { auth_time: NOW - 360 }],
      expect: undefined,
    },
    {
      name: 'a recent sign-in refuses one past the tolerance',
      given: [{ maxAge: 300 }, { auth_time: NOW - 361 }],
      expect: stepUp('sign_in_too_old', { maxAge: 300 }),
    },
    {
      name: 'a recent sign-in refuses none',
      given: [{ maxAge: 300 }, {}],
      expect: stepUp('no_sign_in_time', { maxAge: 300 }),
    },
    {
      name: 'a sign-in just now refuses an old one',
      given: [{ maxAge: 0 }, { auth_time: NOW - 61 }],
      expect: stepUp('sign_in_too_old', { maxAge: 0 }),
    },
    { name: 'a way to sign in takes it', given: [{ acr: 'gold silver' }, { acr: 'silver' }], expect: undefined },
    {
      name: 'a way to sign in refuses another',
      given: [{ acr: ['gold', 'silver'] }, { acr: 'bronze' }],
      expect: stepUp('wrong_acr', { acrValues: ['gold', 'silver'] }),
    },
    {
      name: 'a way to sign in refuses none',
      given: [{ acr: 'gold' }, {}],
      expect: stepUp('wrong_acr', { acrValues: ['gold'] }),
    },
    {
      name: 'much of which all is missing says all of the sign-in at once',
      given: [{ scope: 'a', maxAge: 5, acr: 'gold' }, { auth_time: NOW }],
      expect: stepUp('wrong_acr', { maxAge: 5, acrValues: ['gold'] }),
    },
  ]
  it.each(cases)('requires $name', ({ given, expect: expected }) => {
    expect(judge(...given)).toEqual(expected)
  })
})

describe('a mistake is found when the route is defined', () => {
  it.each<[string, object, RegExp]>([
    ['a misspelt requirement', { scopes: 'a' }, /can't require "scopes".*scope, acr/],
    ['an undefined scope', { scope: undefined }, /scope is undefined/],
    ['an empty scope', { scope: '' }, /scope holds ""/],
    ['two spaces', { scope: 'a  b' }, /scope holds ""/],
    ['a scope with a quote', { scope: 'a"b' }, /scope holds "a\\"b"/],
    ['a scope in a list with a space', { scope: ['a b'] }, /scope holds "a b"/],
    ['a scope that is a number', { scope: 7 }, /scope holds 7/],
    ['an empty list of scopes', { scope: [] }, /scope is an empty list/],
    ['an empty list of acr', { acr: [] }, /acr is an empty list/],
    ['an acr with a quote', { acr: '"' }, /acr holds/],
    ['a negative maxAge', { maxAge: -1 }, /maxAge is -1; give whole seconds/],
    ['a maxAge that is a fraction', { maxAge: 0.5 }, /maxAge is 0.5/],
    ['a maxAge that is no number', { maxAge: Number.NaN }, /maxAge is NaN/],
    ['a maxAge that is a text', { maxAge: '300' }, /maxAge is "300"/],
    ['a whenStale that does not exist', { whenStale: 'closed' }, /whenStale is "closed"; give one of unavailable/],
    ['an introspect that is a text', { introspect: 'yes' }, /introspect is "yes"/],
  ])('%s', (_, requirements, message) => {
    expect(() => defineRequirements(requirements as Requirements)).toThrow(TypeError)
    expect(() => defineRequirements(requirements as Requirements)).toThrow(message)
  })

  it.each<[string, object]>([
    ['an implying scope with a space', { 'a b': ['c'] }],
    ['an implied scope with a space', { a: ['b c'] }],
    ['an implied scope that is a number', { a: 7 }],
    ['a scope that implies nothing', { a: [] }],
  ])('%s', (_, implied) => {
    expect(() => scopeHierarchy(implied as Record<string, string[]>)).toThrow(TypeError)
  })

  it('and what is right comes out ready', () => {
    expect(defineRequirements({ scope: 'a b a', acr: ['x'], maxAge: 5, whenStale: 'open', introspect: false })).toEqual(
      {
        scope: ['a', 'b'],
        acr: ['x'],
        maxAge: 5,
        whenStale: 'open',
        introspect: false,
      },
    )
    expect(defineRequirements()).toEqual({
      scope: [],
      acr: [],
      maxAge: undefined,
      whenStale: undefined,
      introspect: false,
    })
  })
})
