import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBasic } from '../../../src/oauth/basic-credentials.js'

const base64 = (text: string | Uint8Array) => Buffer.from(text as string).toString('base64')
const header = (id: string, secret: string) => `Basic ${base64(`${id}:${secret}`)}`

describe('parseBasic', () => {
  it('decodes the base64 and then both halves as a form does', () => {
    expect(parseBasic(header('a%3Ab+c', 's%2B%25+e'))).toEqual({ id: 'a:b c', secret: 's+% e' })
  })

  it('ends the id at the first colon', () => {
    expect(parseBasic(header('id', 'a:b:c'))).toEqual({ id: 'id', secret: 'a:b:c' })
  })

  it('reads an empty secret as one', () => {
    expect(parseBasic(header('id', ''))).toEqual({ id: 'id', secret: '' })
  })

  it.each(['basic', 'BASIC', 'bAsIc'])('knows the scheme as %s', (scheme) => {
    expect(parseBasic(`${scheme} ${base64('id:secret')}`)).toEqual({ id: 'id', secret: 'secret' })
  })

  it('allows several spaces after the scheme, RFC 9110 §11.4', () => {
    expect(parseBasic(`Basic   ${base64('id:secret')}`)).toEqual({ id: 'id', secret: 'secret' })
  })

  it.each([
    { name: 'a tab after the scheme', given: `Basic\t${base64('id:secret')}` },
    { name: 'nothing after the scheme', given: 'Basic ' },
    { name: 'no space', given: `Basic${base64('id:secret')}` },
    { name: 'another scheme', given: `Bearer ${base64('id:secret')}` },
    { name: 'a scheme that only begins so', given: `Basically ${base64('id:secret')}` },
    { name: 'a space before', given: ` ${header('id', 'secret')}` },
    { name: 'a space after', given: `${header('id', 'secret')} ` },
    { name: 'two credentials', given: `${header('id', 'secret')}, ${header('id', 'secret')}` },
    { name: 'a parameter', given: `${header('id', 'secret')} charset="UTF-8"` },
    { name: 'the URL-safe alphabet', given: `Basic ${Buffer.from('id:s~~?>').toString('base64url')}` },
    { name: 'missing padding', given: `Basic ${base64('id:secre').replaceAll('=', '')}` },
    { name: 'too much padding', given: `Basic ${base64('id:secret')}=` },
    { name: 'stray bits at the end', given: 'Basic aWQ6c2VjcmV0c2==' },
    { name: 'a line feed in the base64', given: `Basic aWQ6\nc2VjcmV0` },
    { name: 'no colon', given: `Basic ${base64('idsecret')}` },
    { name: 'no id', given: header('', 'secret') },
    { name: 'broken percent-encoding', given: header('id', '%zz') },
    { name: 'percent-encoded bytes that are no UTF-8', given: header('id', '%ff') },
    { name: 'bytes that are no UTF-8', given: `Basic ${base64(Buffer.from([0x69, 0x3a, 0xff]))}` },
    { name: 'a NUL', given: header('i%00d', 'secret') },
    { name: 'a line feed', given: header('id', 'sec%0Aret') },
    { name: 'a character beyond ASCII', given: header('id', 'sécret') },
  ])('refuses $name', ({ given }) => {
    expect(parseBasic(given)).toBeUndefined()
  })

  it('reads back whatever printable id and secret a client encodes', () => {
    const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
    fc.assert(
      fc.property(
        printable.filter((id) => id !== ''),
        printable,
        (id, secret) => {
          const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
          expect(parseBasic(header(encode(id), encode(secret)))).toEqual({ id, secret })
        },
      ),
    )
  })

  it('reads one spelling of a header only', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = parseBasic(`Basic ${text}`)
        if (read) expect(base64(Buffer.from(text.trimStart(), 'base64'))).toBe(text.trimStart())
      }),
    )
  })
})
