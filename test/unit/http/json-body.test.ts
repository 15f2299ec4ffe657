import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonParams } from '../../../src/http/json-body.js'
import { reasonOf, rootRequest } from '../../support/request.js'

const read = (body: string) => jsonParams(rootRequest({ body }), { repeatable: ['resource'] })

describe('jsonParams', () => {
  it('reads strings, and lists of strings where a parameter may repeat', () => {
    const params = read('{"username":"ada","password":"p\\u00e4ss","resource":["https://a","https://b"]}')
    expect(params.get('username')).toBe('ada')
    expect(params.get('password')).toBe('päss')
    expect(params.getAll('resource')).toEqual(['https://a', 'https://b'])
    expect(read('{"resource":"https://a"}').get('resource')).toBe('https://a')
  })

  it('counts null and empty text as absent', () => {
    const params = read('{"scope":null,"resource":["",null,"https://a"],"username":""}')
    expect(params.get('scope')).toBeUndefined()
    expect(params.get('username')).toBeUndefined()
    expect(params.get('resource')).toBe('https://a')
  })

  it.each([
    { name: 'a number', body: '{"username":1}' },
    { name: 'an object', body: '{"username":{"$ne":""}}' },
    { name: 'a list', body: '{"username":["ada"]}' },
    { name: 'a boolean', body: '{"username":true}' },
  ])('refuses $name where text is asked for', ({ body }) => {
    expect(reasonOf(() => read(body).get('username'))).toBe('parameter_not_a_string')
  })

  it('refuses something else than text in a list', () => {
    expect(reasonOf(() => read('{"resource":["a",{}]}').getAll('resource'))).toBe('parameter_not_a_string')
  })

  it('ignores members that nobody asks for', () => {
    expect(read('{"remember":true,"username":"ada"}').get('username')).toBe('ada')
  })

  it.each([
    { body: '', reason: 'malformed_json' },
    { body: '{', reason: 'malformed_json' },
    { body: "{'a':1}", reason: 'malformed_json' },
    { body: '\ufeff{}', reason: 'malformed_json' },
    { body: 'username=ada', reason: 'malformed_json' },
    { body: '[]', reason: 'json_not_an_object' },
    { body: 'null', reason: 'json_not_an_object' },
    { body: '"a"', reason: 'json_not_an_object' },
    { body: '{"a":"x\\u0000"}', reason: 'malformed_text' },
    { body: '{"a":"\\ud800"}', reason: 'malformed_text' },
    { body: '{"a":"1","a":"2"}', reason: 'json_member_repeated' },
    { body: '{"a":"1","\\u0061":"2"}', reason: 'json_member_repeated' },
    { body: '{"a" : "1", "b":{"a":1}, "a"\n:"2"}', reason: 'json_member_repeated' },
    { body: '{"b":[{"c":1,"c":2}]}', reason: 'json_member_repeated' },
    { body: '{"__proto__":"1","__proto__":"2"}', reason: 'json_member_repeated' },
    { body: `{"a":${'['.repeat(8)}${']'.repeat(8)}}`, reason: 'json_too_deep' },
  ])('refuses $body', ({ body, reason }) => {
    expect(reasonOf(() => read(body))).toBe(reason)
  })

  it('takes a member in another object for another member, and text that looks like JSON for text', () => {
    expect(read('{"a":{"x":1},"b":{"x":1},"x":"{\\"x\\":1,"}').get('x')).toBe('{"x":1,')
  })

  it('reads any object of text as JSON.stringify wrote it', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((one) => one !== '' && !one.includes('\0'))
    fc.assert(
      fc.property(fc.dictionary(text, text), (members) => {
        const params = read(JSON.stringify(members, null, 1))
        for (const [name, value] of Object.entries(members)) expect(params.get(name)).toBe(value)
      }),
    )
  })

  it('throws invalid_request or nothing, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (body) => void reasonOf(() => read(body))),
    )
  })

  it('survives megabytes of nesting, spaces and quotes', () => {
    for (const body of [
      '['.repeat(1_000_000),
      `{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
      `{"a"${' '.repeat(1_000_000)}:"b"}`,
      `{"a":"${'\\"'.repeat(500_000)}"}`,
      `{"a":"${'b'.repeat(1_000_000)}"}`,
      `{"a":"b"${' '.repeat(1_000_000)}}`,
    ]) {
      reasonOf(() => read(body))
    }
  })

  it('leaves Object.prototype alone', () => {
    const params = read('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"username":"ada"}')
    expect(params.get('username')).toBe('ada')
    expect(params.get('toString')).toBeUndefined()
    expect('x' in {}).toBe(false)
  })

  it('refuses parameters in the URL', () => {
    expect(reasonOf(() => jsonParams(rootRequest({ query: 'password=p', body: '{}' })))).toBe('parameters_in_url')
  })
})
