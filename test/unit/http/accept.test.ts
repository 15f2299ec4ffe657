import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAccept, quality } from '../../../src/http/accept.js'

const JSON_TYPE = 'application/json'

describe('how much a media type is wanted', () => {
  it.each([
    { name: 'without the header: fully', given: undefined, expect: 1 },
    { name: 'with an empty one: fully', given: ' ', expect: 1 },
    { name: 'by its name', given: 'application/json', expect: 1 },
    { name: 'in any case', given: 'Application/JSON', expect: 1 },
    { name: 'with a weight', given: 'text/html, application/json;q=0.5', expect: 0.5 },
    { name: 'with a weight in capitals and spaces', given: 'application/json ; Q=0.125', expect: 0.125 },
    { name: 'with other parameters', given: 'application/json;charset=utf-8;q=0.3', expect: 0.3 },
    { name: 'by its kind', given: 'application/*;q=0.2', expect: 0.2 },
    { name: 'by the range of all', given: 'text/html, */*;q=0.1', expect: 0.1 },
    {
      name: 'by what names it best, whatever the order',
      given: '*/*, application/*;q=0.5, application/json;q=0',
      expect: 0,
    },
    { name: 'by its first mention', given: 'application/json;q=0.4, application/json', expect: 0.4 },
    { name: 'not, by another name', given: 'application/jsonx, text/json', expect: 0 },
    { name: 'not, by half a range', given: '*/json, *, application/, /json', expect: 0 },
    { name: 'not, with a weight above one', given: 'application/json;q=1.5', expect: 0 },
    { name: 'not, with a weight that is none', given: 'application/json;q=, application/json;q=-1', expect: 0 },
    { name: 'not, with too fine a weight', given: 'application/json;q=0.12345', expect: 0 },
  ])('$name', ({ given, expect: wanted }) => {
    expect(quality(parseAccept(given), JSON_TYPE)).toBe(wanted)
  })

  it('is a number from 0 to 1 for any header, RFC 9110 §12.4.2', () => {
    const part = fc.constantFrom(
      'application/json',
      '*/*',
      'application/*',
      ';',
      'q=',
      '0.5',
      '1',
      ',',
      ' ',
      '"',
      '__proto__',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('')),
        ),
        (header) => {
          const wanted = quality(parseAccept(header), JSON_TYPE)
          expect(wanted).toBeGreaterThanOrEqual(0)
          expect(wanted).toBeLessThanOrEqual(1)
        },
      ),
    )
  })
})
