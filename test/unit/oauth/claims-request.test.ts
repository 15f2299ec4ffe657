import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseClaimsRequest, requestedAcr, requestedSubject } from '../../../src/oauth/claims-request.js'
import { OAuthError } from '../../../src/oauth/errors.js'

const refusal = (text: string) => {
  try {
    return parseClaimsRequest(text)
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    return [error.code, error.reason]
  }
}
const refused = (reason: string) => ['invalid_request', reason]

describe('parseClaimsRequest, OpenID Connect Core §5.5', () => {
  it('reads the example of the standard, without the claims that nobody knows here', () => {
    const text = `{
      "userinfo": {
        "given_name": {"essential": true},
        "nickname": null,
        "email": {"essential": true},
        "email_verified": {"essential": true},
        "picture": null,
        "http://example.info/claims/groups": null
      },
      "id_token": {
        "auth_time": {"essential": true},
        "acr": {"values": ["urn:mace:incommon:iap:silver"]}
      }
    }`
    expect(parseClaimsRequest(text)).toEqual({
      userinfo: {
        given_name: { essential: true },
        nickname: {},
        email: { essential: true },
        email_verified: { essential: true },
        picture: {},
      },
      idToken: { auth_time: { essential: true }, acr: { values: ['urn:mace:incommon:iap:silver'] } },
    })
  })

  it.each([
    ['nothing', undefined, undefined],
    ['an empty object', '{}', { userinfo: {}, idToken: {} }],
    ['members that are null', '{"userinfo":null,"id_token":null}', { userinfo: {}, idToken: {} }],
    [
      'unknown members',
      '{"x":[1],"id_token":{"sub":{"value":"a","x":1}}}',
      { userinfo: {}, idToken: { sub: { value: 'a' } } },
    ],
  ])('takes %s', (_, text, expected) => {
    expect(parseClaimsRequest(text)).toEqual(expected)
  })

  it.each([
    ['text', 'claims_not_json', 'x'],
    ['nothing', 'claims_not_json', ''],
    ['a list', 'claims_not_an_object', '[]'],
    ['null', 'claims_not_an_object', 'null'],
    ['a member of another kind', 'claims_member_not_an_object', '{"userinfo":[]}'],
    ['a claim of another kind', 'claim_request_not_an_object', '{"userinfo":{"email":true}}'],
    ['essential of another kind', 'claim_essential_not_a_boolean', '{"userinfo":{"email":{"essential":"yes"}}}'],
    ['values of another kind', 'claim_values_not_a_list', '{"id_token":{"acr":{"values":"1"}}}'],
    ['a subject of another kind', 'claim_sub_not_one', '{"id_token":{"sub":{"value":1}}}'],
    ['several subjects', 'claim_sub_not_one', '{"id_token":{"sub":{"values":["a","b"]}}}'],
    ['a member twice', 'claims_member_repeated', '{"userinfo":{},"userinfo":{}}'],
    [
      'a claim twice, spelled otherwise',
      'claims_member_repeated',
      '{"id_token":{"sub":{"value":"a"},"s\\u0075b":null}}',
    ],
    ['much', 'claims_too_long', `{"x":"${'x'.repeat(8192)}"}`],
    ['depth', 'claims_too_deep', `{"x":${'['.repeat(8)}${']'.repeat(8)}}`],
  ])('refuses %s', (_, reason, text) => {
    expect(refusal(text)).toEqual(refused(reason))
  })

  it('gives no object another prototype', () => {
    const read = parseClaimsRequest(
      '{"__proto__":{"userinfo":{"email":null}},"id_token":{"__proto__":{"sub":null},"constructor":null}}',
    )
    expect(read).toEqual({ userinfo: {}, idToken: {} })
    expect(Object.keys(read?.idToken ?? {})).toEqual([])
  })

  it('reads or refuses whatever it is given, and answers with what it knows alone', () => {
    const known = fc.constantFrom('email', 'name', 'sub', 'acr', '__proto__', 'x')
    const request = fc.oneof(fc.constant(null), fc.record({ essential: fc.boolean(), value: fc.string() }), fc.json())
    const claims = fc.record({ userinfo: fc.dictionary(known, request), id_token: fc.dictionary(known, request) })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          claims.map((one) => JSON.stringify(one)),
        ),
        (text) => {
          const read = refusal(text)
          if (Array.isArray(read)) return void expect(read[0]).toBe('invalid_request')
          for (const member of [read?.userinfo, read?.idToken]) {
            expect(['email', 'name', 'sub', 'acr']).toEqual(expect.arrayContaining(Object.keys(member ?? {})))
          }
        },
      ),
    )
  })
})

describe('requestedSubject, OpenID Connect Core §5.5.1', () => {
  it.each([
    ['{"id_token":{"sub":{"value":"a"}}}', 'a'],
    ['{"userinfo":{"sub":{"value":"a"}}}', 'a'],
    ['{"id_token":{"sub":null}}', undefined],
    ['{}', undefined],
    [undefined, undefined],
  ])('of %s is %s', (text, subject) => {
    expect(requestedSubject(parseClaimsRequest(text))).toBe(subject)
  })
})

describe('requestedAcr, OpenID Connect Core §5.5.1.1', () => {
  it.each([
    [undefined, [], [], false],
    [undefined, ['1', '2'], ['1', '2'], false],
    ['{"id_token":{"acr":{"values":["2","1"]}}}', ['3'], ['2', '1'], false],
    ['{"id_token":{"acr":{"essential":true,"values":["2"]}}}', [], ['2'], true],
    ['{"id_token":{"acr":{"essential":true,"value":"2"}}}', ['1'], ['2'], true],
    ['{"id_token":{"acr":{"essential":true}}}', ['1'], ['1'], false],
    ['{"id_token":{"acr":{"essential":true,"value":2}}}', [], [], false],
    ['{"userinfo":{"acr":{"essential":true,"value":"2"}}}', [], [], false],
  ])('of %s and %j is %j, essential: %s', (text, acrValues, values, essential) => {
    expect(requestedAcr(parseClaimsRequest(text), acrValues)).toEqual({ values, essential })
  })
})
