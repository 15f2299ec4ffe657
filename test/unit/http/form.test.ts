import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formParams, parseForm, queryParams, singleParams } from '../../../src/http/form.js'
import { OAuthError } from '../../../src/oauth/errors.js'
import { reasonOf, rootRequest } from '../../support/request.js'

const single = (text: string) => singleParams(parseForm(text), { repeatable: ['resource'] })

// Text that has a UTF-8 form, without NUL.
const wellFormed = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))

describe('parseForm', () => {
  it('reads what every other encoder writes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(wellFormed, wellFormed), { maxLength: 20 }), (pairs) => {
        const read = [...parseForm(new URLSearchParams(pairs).toString())]
        const expected = new Map<string, string[]>()
        for (const [name, value] of pairs) expected.set(name, [...(expected.get(name) ?? []), value])
        expect(read).toEqual([...expected])
      }),
    )
  })

  it('throws invalid_request or nothing, whatever it is given', () => {
    const hostile = fc.array(
      fc.constantFrom('%', '%4', '%zz', '%00', '%ff', '&', '=', '+', 'a', '[', ']', '\0', 'é', '\ud800'),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          hostile.map((parts) => parts.join('')),
        ),
        (text) => {
          reasonOf(() => single(text))
        },
      ),
    )
  })

  it.each([
    { name: 'a lone percent sign', text: 'a=%', reason: 'malformed_percent_encoding' },
    { name: 'a cut escape', text: 'a=%4', reason: 'malformed_percent_encoding' },
    { name: 'an escape that is not hexadecimal', text: 'a=%zz', reason: 'malformed_percent_encoding' },
    { name: 'an overlong slash', text: 'a=%c0%af', reason: 'malformed_percent_encoding' },
    { name: 'an overlong slash of three bytes', text: 'a=%e0%80%af', reason: 'malformed_percent_encoding' },
    { name: 'a surrogate', text: 'a=%ed%a0%80', reason: 'malformed_percent_encoding' },
    { name: 'a byte that UTF-8 never has', text: 'a=%ff', reason: 'malformed_percent_encoding' },
    { name: 'Latin-1', text: 'a=caf%e9', reason: 'malformed_percent_encoding' },
    { name: 'a cut sequence', text: 'a=%e2%82', reason: 'malformed_percent_encoding' },
    { name: 'a broken name', text: '%=a', reason: 'malformed_percent_encoding' },
    { name: 'NUL', text: 'a=x%00y', reason: 'nul_in_parameter' },
    { name: 'a raw NUL', text: 'a=x\0y', reason: 'nul_in_parameter' },
    { name: 'NUL in a name', text: 'a%00=x', reason: 'nul_in_parameter' },
  ])('refuses $name', ({ text, reason }) => {
    expect(reasonOf(() => parseForm(text))).toBe(reason)
  })

  it('reads plus and %20 as the same space, and %2B as plus', () => {
    expect(parseForm('a=x+y%20z%2B')).toEqual(new Map([['a', ['x y z+']]]))
  })

  it('knows no separator but the ampersand and no UTF-7', () => {
    expect(parseForm('a=1;b=2&c=%2BAGE-')).toEqual(
      new Map([
        ['a', ['1;b=2']],
        ['c', ['+AGE-']],
      ]),
    )
  })

  it('takes a byte order mark for a part of the first name', () => {
    expect(single('\ufeffgrant_type=x').get('grant_type')).toBeUndefined()
  })

  it('splits a pair at its first equals sign', () => {
    expect(parseForm('a=b=c==&d')).toEqual(
      new Map([
        ['a', ['b=c==']],
        ['d', ['']],
      ]),
    )
  })

  it('refuses a hundred thousand pairs after looking at a hundred', () => {
    expect(reasonOf(() => parseForm('a=1&'.repeat(100_000)))).toBe('too_many_parameters')
    expect(reasonOf(() => parseForm(Array.from({ length: 101 }, (_, i) => `p${i}=1`).join('&')))).toBe(
      'too_many_parameters',
    )
    expect(parseForm(Array.from({ length: 100 }, (_, i) => `p${i}=1`).join('&')).size).toBe(100)
  })

  it('survives megabytes of near misses', () => {
    for (const unit of ['%e2%82', '%', '+', '=', 'a%2', '['])
      reasonOf(() => single(`a=${unit.repeat(1_000_000 / unit.length)}`))
  })

  it('takes the names of Object.prototype as names and leaves it alone', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    for (const name of [...before, 'prototype', '__proto__[x]', 'constructor[prototype][x]']) {
      const form = single(`${encodeURIComponent(name)}=polluted`)
      expect(form.get(name)).toBe('polluted')
      expect(single('a=1').get(name)).toBeUndefined()
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect('x' in {}).toBe(false)
  })
})

describe('singleParams', () => {
  it.each([
    'grant_type=a&grant_type=b',
    'grant_type=a&grant_type=a',
    'grant_type=a&grant_type=',
    'grant_type=&grant_type=',
    'unknown=a&unknown=b',
    'scope[]=a&scope[]=b',
    'scope[0]=a&scope[1]=b',
    'scope=a&scope[]=b',
    'scope[]=a&scope=b',
    'scope=a&scope[0]=b',
    'scope=a&scope[x][y]=b',
    'scope=a&s%63ope=b',
    'resource=a&resource[]=b',
    'resource[]=a&resource[]=b',
  ])('refuses a parameter that comes twice: %s', (text) => {
    expect(reasonOf(() => single(text))).toBe('parameter_repeated')
  })

  it('refuses any parameter that is doubled, wherever the second one stands', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z_]{1,12}$/), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(), (all, which, where) => {
        const twice = all[which % all.length] ?? ''
        const pairs = all.map((name) => `${name}=1`)
        pairs.splice(where % (pairs.length + 1), 0, `${twice}=2`)
        expect(reasonOf(() => singleParams(parseForm(pairs.join('&'))))).toBe('parameter_repeated')
      }),
    )
  })

  it('lets a parameter repeat that may', () => {
    expect(single('resource=a&resource=b').getAll('resource')).toEqual(['a', 'b'])
  })

  it('never picks one of several: who asks for the one of a repeated parameter is refused', () => {
    expect(reasonOf(() => single('resource=a&resource=b').get('resource'))).toBe('parameter_repeated')
  })

  it('counts an empty value as absent', () => {
    expect(single('scope=&resource=&resource=b').get('scope')).toBeUndefined()
    expect(single('resource=&resource=b').get('resource')).toBe('b')
  })

  it('says the name back only when it looks like one', () => {
    const text = (form: string) => {
      try {
        single(form)
      } catch (error) {
        return error instanceof OAuthError ? error.description : undefined
      }
      return undefined
    }
    expect(text('scope=a&scope=b')).toBe('scope was given more than once.')
    expect(text('Secret"1=a&Secret"1=b')).toBe('A parameter was given more than once.')
  })
})

describe('formParams', () => {
  it('refuses parameters in the URL of a POST, where they would be logged', () => {
    const request = rootRequest({ query: 'client_secret=s', body: 'grant_type=x' })
    expect(reasonOf(() => formParams(request))).toBe('parameters_in_url')
    expect(formParams(rootRequest({ body: 'grant_type=x' })).get('grant_type')).toBe('x')
  })
})

describe('queryParams', () => {
  it('reads the query as strictly as a form', () => {
    expect(queryParams(rootRequest({ query: 'since=a%20b' })).get('since')).toBe('a b')
    expect(reasonOf(() => queryParams(rootRequest({ query: 'since=a&since=b' })))).toBe('parameter_repeated')
  })

  it('refuses raw bytes beyond ASCII, which Node hands over as Latin-1', () => {
    expect(reasonOf(() => queryParams(rootRequest({ query: 'since=\u00c3\u00a9' })))).toBe('malformed_query')
  })
})
