import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { json } from '../../../src/http/handler.js'
import { type Route, routeMatcher } from '../../../src/http/route.js'

const GET = async () => json(200, {})
const routes: readonly Route<unknown>[] = [
  { root: true, name: 'live', path: '/health/live', methods: { GET } },
  { name: 'token', path: '/oauth2/token', methods: { POST: GET } },
  { name: 'jwks', path: '/oauth2/jwks', methods: { GET } },
  { name: 'metadata', path: '/.well-known/oauth-authorization-server', wellKnown: true, methods: { GET } },
  { name: 'openid', path: '/.well-known/openid-configuration', wellKnown: 'either', methods: { GET } },
]
const find = routeMatcher(routes)
const found = (path: string) => {
  const match = find(path)
  return match && { name: match.route.name, slug: match.of === 'issuer' ? match.slug : 'no tenant' }
}

const PATHS = [
  ['/health/live', 'live', 'no tenant'],
  ['/oauth2/token', 'token', undefined],
  ['/t/acme/oauth2/token', 'token', 'acme'],
  ['/t/a/oauth2/jwks', 'jwks', 'a'],
  [`/t/${'a'.repeat(63)}/oauth2/jwks`, 'jwks', 'a'.repeat(63)],
  ['/.well-known/oauth-authorization-server', 'metadata', undefined],
  ['/.well-known/oauth-authorization-server/t/acme', 'metadata', 'acme'],
  ['/.well-known/openid-configuration', 'openid', undefined],
  ['/.well-known/openid-configuration/t/acme', 'openid', 'acme'],
  ['/t/acme/.well-known/openid-configuration', 'openid', 'acme'],
] as const

describe('routeMatcher', () => {
  it.each(PATHS)('finds %s', (path, name, slug) => {
    expect(found(path)).toEqual({ name, slug })
  })

  it.each([
    '/oauth2/token/',
    '//oauth2/token',
    '/oauth2//token',
    '/oauth2/token;x',
    '/oauth2;x/token',
    '/oauth2/./token',
    '/x/../oauth2/token',
    '/x/..;/oauth2/token',
    '/oauth2/%74oken',
    '/oauth2%2ftoken',
    '/oauth2\\token',
    '/OAuth2/token',
    '/oauth2/token.',
    '/oauth2/token%20',
    '/oauth2/token%00',
    '/oauth2/jwks/x.css',
    '/t//oauth2/token',
    '/t/ACME/oauth2/token',
    '/t/A/oauth2/token',
    '/t/Acme/oauth2/token',
    '/t/acmE/oauth2/token',
    '/t/acme/t/acme/oauth2/token',
    '/t/acme//oauth2/token',
    '/t/acme/oauth2/token/',
    '/t/%61cme/oauth2/token',
    '/t/acme;x/oauth2/token',
    '/t/-acme/oauth2/token',
    '/t/acme-/oauth2/token',
    '/t/ac_me/oauth2/token',
    '/t/../oauth2/token',
    `/t/${'a'.repeat(64)}/oauth2/token`,
    '/t/acme/health/live',
    '/t/acme/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/',
    '/.well-known/oauth-authorization-server/acme',
    '/t/acme/.well-known/openid-configuration/t/acme',
    '/.well-known/oauth-authorization-server/t/acme/',
    '/.well-known/oauth-authorization-server/t/acme/t/acme',
    '/oauth2/token/t/acme',
    '',
    '/',
    '/t/acme',
    '*',
    '/constructor',
    '/__proto__',
  ])('does not find %s', (path) => {
    expect(found(path)).toBeUndefined()
  })

  it('finds nothing when one character of a path is changed, added or left out', () => {
    const slugs = new Set(PATHS.map(([, , slug]) => slug))
    fc.assert(
      fc.property(
        fc.constantFrom(...PATHS),
        fc.nat(),
        fc.string({ unit: 'binary-ascii', maxLength: 1 }),
        (given, at, put) => {
          const [path, name] = given
          const i = at % path.length
          for (const mutant of [path.slice(0, i) + put + path.slice(i + 1), path.slice(0, i) + put + path.slice(i)]) {
            const match = found(mutant)
            // Within the slug another letter makes another tenant's path of the same endpoint.
            if (match && mutant !== path) expect([match.name, slugs.has(match.slug)]).toEqual([name, false])
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('refuses two routes of one path', () => {
    expect(() => routeMatcher([...routes, { name: 'again', path: '/oauth2/token', methods: { GET } }])).toThrow(
      '/oauth2/token',
    )
  })

  it('is not slowed down by a long path', () => {
    expect(found(`/t/${'a-'.repeat(8000)}/oauth2/token`)).toBeUndefined()
    expect(found(`/.well-known/${'a/t/'.repeat(4000)}`)).toBeUndefined()
  })
})
