import { describe, expect, it } from 'vitest'
import { OAuthError } from '../../../src/oauth/errors.js'
import type { Api, Client } from '../../../src/oauth/records.js'
import { clientTarget, grantTargets, refreshTarget, scopeAt } from '../../../src/oauth/resource.js'
import { DEFAULT_TENANT } from '../../support/app.js'
import { apiLike, clientLike } from '../../support/ports.js'

const api = (id: string, scopes: string[]): Api => ({ ...apiLike(id), identifier: `https://${id}`, scopes })
const orders = api('orders', ['read', 'orders:write'])
const stock = api('stock', ['read', 'stock:write'])
const mail = api('mail', ['mail:send'])
const all = [orders, stock, mail]
const client: Client = { ...clientLike('app'), apis: all.map(({ id }) => id) }

type Given = { resources?: string[]; scope?: string; client?: Partial<Client>; apis?: Api[] }
const ask = ({ resources = [], scope }: Given) => ({ resources, scope })

/** `invalid_target: reason`, or what was chosen. */
function outcome(choose: () => unknown) {
  try {
    return choose()
  } catch (error) {
    if (error instanceof OAuthError) return error.message
    throw error
  }
}

describe('clientTarget', () => {
  const chosen = ({ client: change, apis = all, ...given }: Given) =>
    outcome(() => {
      const target = clientTarget({ ...client, ...change }, ask(given), apis)
      return [target.api.id, ...target.scope]
    })

  it.each<{ name: string; given: Given; expected: string[] }>([
    {
      name: 'takes the API named, with all the client may do there',
      given: { resources: ['https://orders'] },
      expected: ['orders', 'read', 'orders:write'],
    },
    {
      name: 'takes the API named, with what was asked',
      given: { resources: ['https://orders'], scope: 'orders:write' },
      expected: ['orders', 'orders:write'],
    },
    {
      name: 'finds the one API that owns all the scopes',
      given: { scope: 'stock:write read' },
      expected: ['stock', 'stock:write', 'read'],
    },
    {
      name: 'takes the default where several own the scope',
      given: { scope: 'read', client: { defaultResource: 'https://stock' } },
      expected: ['stock', 'read'],
    },
    {
      name: 'takes the default where nothing was asked',
      given: { client: { defaultResource: 'https://mail' } },
      expected: ['mail', 'mail:send'],
    },
    { name: 'needs no default with one API', given: { apis: [mail] }, expected: ['mail', 'mail:send'] },
    {
      name: 'gives a client that is limited no more than its own scopes',
      given: { resources: ['https://orders'], client: { scopes: ['read'] } },
      expected: ['orders', 'read'],
    },
    {
      name: 'leaves an API out where the client may do nothing',
      given: { client: { scopes: ['mail:send'] } },
      expected: ['mail', 'mail:send'],
    },
  ])('$name', ({ given, expected }) => {
    expect(chosen(given)).toEqual(expected)
  })

  it.each<{ name: string; given: Given; expected: string }>([
    {
      name: 'two resources: one token is for one API',
      given: { resources: ['https://orders', 'https://stock'] },
      expected: 'invalid_target: resource_repeated',
    },
    {
      name: 'the same resource twice',
      given: { resources: ['https://orders', 'https://orders'] },
      expected: 'invalid_target: resource_repeated',
    },
    {
      name: 'an API that is not among the live ones of the client',
      given: { resources: ['https://orders'], apis: [stock] },
      expected: 'invalid_target: resource_not_for_this_client',
    },
    {
      name: 'a resource that differs in one byte',
      given: { resources: ['https://orders/'] },
      expected: 'invalid_target: resource_not_for_this_client',
    },
    {
      name: 'a resource in another case',
      given: { resources: ['https://Orders'] },
      expected: 'invalid_target: resource_not_for_this_client',
    },
    {
      name: 'a resource with a fragment',
      given: { resources: ['https://orders#a'] },
      expected: 'invalid_target: resource_malformed',
    },
    {
      name: 'a resource with an empty fragment',
      given: { resources: ['https://orders#'] },
      expected: 'invalid_target: resource_malformed',
    },
    { name: 'a relative resource', given: { resources: ['/orders'] }, expected: 'invalid_target: resource_malformed' },
    {
      name: 'a resource with white space',
      given: { resources: ['https://orders '] },
      expected: 'invalid_target: resource_malformed',
    },
    {
      name: 'the name of a member of every object',
      given: { resources: ['__proto__'] },
      expected: 'invalid_target: resource_malformed',
    },
    { name: 'no resource where it is needed', given: {}, expected: 'invalid_target: resource_missing' },
    {
      name: 'a scope of several APIs without a default',
      given: { scope: 'read' },
      expected: 'invalid_target: resource_missing',
    },
    {
      name: 'scopes that no one API owns',
      given: { scope: 'mail:send stock:write' },
      expected: 'invalid_target: resource_missing',
    },
    {
      name: 'scopes that the default does not own',
      given: { scope: 'mail:send stock:write', client: { defaultResource: 'https://stock' } },
      expected: 'invalid_scope: scope_not_at_resource',
    },
    {
      name: 'a default that is not among the APIs',
      given: { client: { defaultResource: 'https://elsewhere' } },
      expected: 'invalid_target: resource_missing',
    },
    { name: 'a client without APIs', given: { apis: [] }, expected: 'invalid_target: resource_missing' },
    { name: 'a scope nobody owns', given: { scope: 'read nope' }, expected: 'invalid_scope: scope_unknown' },
    {
      name: 'a scope of another API',
      given: { resources: ['https://orders'], scope: 'read stock:write' },
      expected: 'invalid_scope: scope_not_at_resource',
    },
    {
      name: 'a scope of the API that the client may not have',
      given: { scope: 'orders:write', client: { scopes: ['read'] } },
      expected: 'invalid_scope: scope_unknown',
    },
    {
      name: 'an API where the client may do nothing',
      given: { resources: ['https://orders'], client: { scopes: ['mail:send'] } },
      expected: 'invalid_scope: scope_empty',
    },
    {
      name: 'a scope in another case',
      given: { resources: ['https://orders'], scope: 'READ' },
      expected: 'invalid_scope: scope_not_at_resource',
    },
    { name: 'a malformed scope', given: { scope: 'read  mail:send' }, expected: 'invalid_scope: scope_malformed' },
  ])('refuses $name', ({ given, expected }) => {
    expect(chosen(given)).toBe(expected)
  })

  it('names the choices for the log, not for the client', () => {
    try {
      clientTarget(client, ask({ scope: 'read' }), all)
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error
      expect(error.detail).toEqual({ choices: ['https://orders', 'https://stock'] })
      expect(error.description).not.toContain('https://')
    }
  })
})

describe('refreshTarget', () => {
  const grant = { scope: ['read', 'orders:write', 'mail:send'] }
  const chosen = ({ client: change, apis = all, ...given }: Given) =>
    outcome(() => {
      const target = refreshTarget(
        { tenant: DEFAULT_TENANT, client: { ...client, ...change }, grant },
        ask(given),
        apis,
      )
      return [target.api.id, ...target.scope]
    })

  it.each<{ name: string; given: Given; expected: string[] }>([
    {
      name: 'takes the API named, with what was granted of it',
      given: { resources: ['https://stock'] },
      expected: ['stock', 'read'],
    },
    {
      name: 'keeps of the scope asked what means something at the API named',
      given: { resources: ['https://orders'], scope: 'orders:write mail:send' },
      expected: ['orders', 'orders:write'],
    },
    {
      name: 'finds the one API that owns the scope asked',
      given: { scope: 'mail:send' },
      expected: ['mail', 'mail:send'],
    },
    {
      name: 'takes the default with no scope asked',
      given: { client: { defaultResource: 'https://orders' } },
      expected: ['orders', 'read', 'orders:write'],
    },
    {
      name: 'takes the default for the whole scope as it was granted',
      given: { scope: 'read orders:write mail:send', client: { defaultResource: 'https://mail' } },
      expected: ['mail', 'mail:send'],
    },
    { name: 'needs nothing with one API', given: { apis: [orders] }, expected: ['orders', 'read', 'orders:write'] },
    {
      name: 'gives no scope that the client has lost since',
      given: { apis: [orders], client: { scopes: ['read'] } },
      expected: ['orders', 'read'],
    },
    {
      name: 'gives no scope that the API has lost since',
      given: { apis: [{ ...orders, scopes: ['read'] }] },
      expected: ['orders', 'read'],
    },
  ])('$name', ({ given, expected }) => {
    expect(chosen(given)).toEqual(expected)
  })

  it.each<{ name: string; given: Given; expected: string }>([
    {
      name: 'a scope that was not granted, though the client may have it',
      given: { resources: ['https://stock'], scope: 'read stock:write' },
      expected: 'invalid_scope: scope_beyond_grant',
    },
    {
      name: 'an API that was not granted, though the client may have it',
      given: { resources: ['https://mail'], apis: [orders, stock] },
      expected: 'invalid_target: resource_not_for_this_client',
    },
    {
      name: 'an API that was granted and is no longer the client’s',
      given: { resources: ['https://mail'], client: { apis: ['orders'] } },
      expected: 'invalid_target: resource_not_for_this_client',
    },
    {
      name: 'two resources',
      given: { resources: ['https://orders', 'https://mail'] },
      expected: 'invalid_target: resource_repeated',
    },
    { name: 'no resource where several are granted', given: {}, expected: 'invalid_target: resource_missing' },
    {
      name: 'a scope that means nothing at the API named',
      given: { resources: ['https://stock'], scope: 'mail:send' },
      expected: 'invalid_scope: scope_empty',
    },
    { name: 'APIs that are all gone', given: { apis: [] }, expected: 'invalid_target: resource_missing' },
  ])('refuses $name', ({ given, expected }) => {
    expect(chosen(given)).toBe(expected)
  })
})

describe('grantTargets', () => {
  const granted = ({ client: change, apis = all, ...given }: Given) =>
    outcome(() => {
      const targets = grantTargets({ ...client, ...change }, ask(given), apis)
      return { ...targets, apis: targets.apis.map(({ id }) => id), first: targets.first.id }
    })

  it('grants one API as a token request would', () => {
    expect(granted({ scope: 'mail:send' })).toEqual({ apis: ['mail'], scope: ['mail:send'], first: 'mail' })
    expect(granted({ resources: ['https://mail', 'https://mail'] })).toEqual({
      apis: ['mail'],
      scope: ['mail:send'],
      first: 'mail',
    })
    expect(granted({})).toBe('invalid_target: resource_missing')
  })

  it('grants every API named, in that order, and all the client may do at them', () => {
    expect(granted({ resources: ['https://mail', 'https://orders'] })).toEqual({
      apis: ['mail', 'orders'],
      scope: ['mail:send', 'read', 'orders:write'],
      first: 'mail',
    })
  })

  it('gives the first token for the first API where the scope means something', () => {
    expect(granted({ resources: ['https://mail', 'https://stock'], scope: 'read' })).toEqual({
      apis: ['mail', 'stock'],
      scope: ['read'],
      first: 'stock',
    })
  })

  it.each<{ name: string; given: Given; expected: string }>([
    {
      name: 'all when one of the resources is not the client’s',
      given: { resources: ['https://mail', 'https://elsewhere'] },
      expected: 'invalid_target: resource_not_for_this_client',
    },
    {
      name: 'a scope that none of the resources has',
      given: { resources: ['https://mail', 'https://orders'], scope: 'read stock:write' },
      expected: 'invalid_scope: scope_not_at_resource',
    },
    {
      name: 'resources where the client may do nothing',
      given: { resources: ['https://mail', 'https://orders'], client: { scopes: ['stock:write'] } },
      expected: 'invalid_scope: scope_empty',
    },
  ])('refuses $name', ({ given, expected }) => {
    expect(granted(given)).toBe(expected)
  })
})

it('keeps the part of a scope that an API has', () => {
  expect(scopeAt(stock, ['orders:write', 'stock:write', 'read'])).toEqual(['stock:write', 'read'])
})

describe('a token on a grant that says who the user is', () => {
  const issuer = DEFAULT_TENANT.issuer
  const chosen = (scope: string[], given: Given & { apis?: Api[] } = {}) =>
    outcome(() => {
      const of = { tenant: DEFAULT_TENANT, client: { ...client, ...given.client }, grant: { scope } }
      const target = refreshTarget(of, ask(given), given.apis ?? [])
      return [target.api.identifier, ...target.scope]
    })

  it.each<{ name: string; scope: string[]; given?: Given; expected: string[] }>([
    {
      name: 'is for userinfo when nothing else was granted',
      scope: ['openid', 'email'],
      expected: [issuer, 'openid', 'email'],
    },
    {
      name: 'is for the one API that was granted beside it',
      scope: ['openid', 'email', 'mail:send'],
      given: { apis: [mail] },
      expected: ['https://mail', 'mail:send'],
    },
    {
      name: 'is for userinfo when that is named',
      scope: ['openid', 'email', 'mail:send'],
      given: { apis: [mail], resources: [issuer] },
      expected: [issuer, 'openid', 'email'],
    },
    {
      name: 'is for userinfo when its scopes alone are asked for',
      scope: ['openid', 'email', 'mail:send'],
      given: { apis: [mail], scope: 'openid' },
      expected: [issuer, 'openid'],
    },
    {
      name: 'is for the API that owns the rest of the scope asked',
      scope: ['openid', 'email', 'mail:send'],
      given: { apis: [mail], scope: 'openid email mail:send' },
      expected: ['https://mail', 'mail:send'],
    },
    {
      name: 'is for userinfo when of several APIs none is meant more than another',
      scope: ['openid', 'read', 'mail:send'],
      given: { apis: all },
      expected: [issuer, 'openid'],
    },
    {
      name: 'is for the default of several APIs',
      scope: ['openid', 'read', 'mail:send'],
      given: { apis: all, client: { defaultResource: 'https://stock' } },
      expected: ['https://stock', 'read'],
    },
    {
      name: 'is for userinfo when the API is gone',
      scope: ['openid', 'mail:send'],
      given: { apis: [] },
      expected: [issuer, 'openid'],
    },
  ])('$name', ({ scope, given, expected }) => {
    expect(chosen(scope, given)).toEqual(expected)
  })

  it('is not for userinfo without openid', () => {
    expect(chosen(['mail:send'], { apis: [mail], resources: [issuer] })).toBe(
      'invalid_target: resource_not_for_this_client',
    )
    expect(chosen(['openid', 'mail:send'], { apis: [mail], scope: 'mail:send', resources: [issuer] })).toBe(
      'invalid_target: resource_not_for_this_client',
    )
  })
})
