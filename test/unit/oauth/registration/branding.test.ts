import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changeTenant, SURFACES } from '../../../../src/oauth/registration/branding.js'
import { contrast } from '../../../../src/oauth/registration/contrast.js'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'
import { styleSheet } from '../../../../src/ui/style-sheet.js'
import { pictures } from '../../../support/pictures.js'

const look = { name: 'Acme', branding: { accent: '#0b5fff', helpUri: 'https://acme.example/help' } }

describe('changeTenant', () => {
  it('changes what is named, takes away what is null, and leaves the rest', () => {
    expect(
      changeTenant(look, { name: ' Acme Robotics ', helpUri: null, privacyUri: 'https://acme.example/p' }),
    ).toEqual({
      name: 'Acme Robotics',
      branding: { accent: '#0b5fff', privacyUri: 'https://acme.example/p' },
      logo: undefined,
    })
    expect(changeTenant(look, { logo: null })).toEqual({ ...look, logo: null })
  })

  it('takes a colour in either case', () => {
    expect(changeTenant(look, { accent: '#A8431F', accentDark: '#E8835A' }).branding).toMatchObject({
      accent: '#a8431f',
      accentDark: '#e8835a',
    })
  })

  it.each([
    ['accent', '#ffcc00', /contrast is 1\.\d:1 and must be at least 4\.5:1\. Take a darker one/],
    ['accentDark', '#a8431f', /dark surfaces: its contrast is 2\.\d:1 .* Take a lighter one/],
    ['accent', 'red', /must be a colour such as #a8431f/],
    ['accent', '#abc', /must be a colour/],
    ['accent', '#0b5fff}body{', /must be a colour/],
    ['helpUri', 'http://acme.example', /must be https/],
    ['privacyUri', 'javascript:alert(1)', /must be https/],
    ['helpUri', 'https://u:p@acme.example', /user name/],
    ['name', 'a\u202eb', /invisible/],
  ])('refuses for %s %s', (setting, value, reason) => {
    const change = () => changeTenant(look, { [setting]: value })
    expect(change).toThrow(RegistrationError)
    expect(change).toThrow(reason)
  })

  it('lets through no accent that cannot be read on what it stands on', () => {
    fc.assert(
      fc.property(fc.constantFrom('accent', 'accentDark'), fc.integer({ min: 0, max: 0xffffff }), (setting, number) => {
        const colour = `#${number.toString(16).padStart(6, '0')}`
        const { card, page } = SURFACES[setting as 'accent' | 'accentDark']
        try {
          changeTenant(look, { [setting]: colour })
        } catch {
          return
        }
        for (const surface of [card, page]) expect(contrast(colour, surface)).toBeGreaterThanOrEqual(4.5)
        // Initials and badges: the accent towards the ink, on a tint of it.
        const ink = setting === 'accent' ? '#231d18' : '#f3ece4'
        expect(contrast(mix(colour, ink, 0.75), mix(colour, card, 0.1))).toBeGreaterThanOrEqual(4.5)
      }),
    )
  })
})

describe('contrast', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#000000', 21],
    ['#777777', '#ffffff', 4.48],
    ['#123456', '#123456', 1],
  ])('of %s and %s is %d', (one, other, ratio) => expect(contrast(one, other)).toBeCloseTo(ratio, 2))

  it('of any colour lightened for dark surfaces is enough there', () => {
    const { card, page } = SURFACES.accentDark
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (number) => {
        const lighter = mix(`#${number.toString(16).padStart(6, '0')}`, '#ffffff', 0.45)
        for (const surface of [card, page]) expect(contrast(lighter, surface)).toBeGreaterThanOrEqual(4.5)
      }),
    )
  })
})

describe('the style sheet', () => {
  it('has the colours that others are checked with here', () => {
    for (const { card, page } of Object.values(SURFACES)) {
      expect(styleSheet).toContain(`--paper: ${page}; --surface: ${card};`)
    }
    for (const ink of ['#231d18', '#f3ece4']) expect(styleSheet).toContain(`--ink: ${ink};`)
    expect(styleSheet).toContain('--clay-soft: color-mix(in srgb, var(--clay) 10%, var(--surface))')
    expect(styleSheet).toContain('--clay-deep: color-mix(in srgb, var(--clay) 75%, var(--ink))')
  })
})

describe('a logo', () => {
  const parse = (bytes: Uint8Array) => changeTenant(look, { logo: bytes }).logo?.contentType

  it.each(Object.entries(pictures))('may be %s', (_, { bytes, contentType }) => {
    expect(parse(bytes)).toBe(contentType)
  })

  it.each([
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'.padEnd(64))],
    ['HTML', Buffer.from('<!doctype html><script>alert(1)</script>'.padEnd(64))],
    ['a GIF', Buffer.from('GIF89a'.padEnd(64, '\0'))],
    ['nothing', Buffer.alloc(0)],
    ['a PNG that ends after its signature', pictures.png.bytes.subarray(0, 8)],
    ['a JPEG without a frame', Buffer.from('ffd8ffe000104a464946'.padEnd(64, '0'), 'hex')],
    ['a PNG of no pixels', Buffer.concat([pictures.png.bytes.subarray(0, 16), Buffer.alloc(17)])],
    ['a PNG of 5000 pixels', withWidth(5000)],
    ['more than 256 KiB', Buffer.concat([pictures.png.bytes, Buffer.alloc(262_144)])],
  ])('may not be %s', (_, bytes) => {
    expect(() => parse(bytes)).toThrow(RegistrationError)
  })

  it('is refused in words, whatever it is', () => {
    const starts = Object.values(pictures).map(({ bytes }) => bytes.subarray(0, 30))
    fc.assert(
      fc.property(fc.constantFrom(Buffer.alloc(0), ...starts), fc.uint8Array({ maxLength: 64 }), (start, rest) => {
        for (const length of [start.length, 20, 12, 4]) {
          try {
            parse(Buffer.concat([start.subarray(0, length), rest]))
          } catch (error) {
            expect(error).toBeInstanceOf(RegistrationError)
          }
        }
      }),
    )
  })
})

/** So much of a colour in another, as CSS mixes them in sRGB. */
function mix(colour: string, other: string, share: number): string {
  const [rest = [], most = []] = [other, colour].map((one) =>
    [1, 3, 5].map((at) => Number(`0x${one.slice(at, at + 2)}`)),
  )
  const mixed = rest.map((value, index) => Math.round(value + ((most[index] ?? 0) - value) * share))
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}

function withWidth(width: number): Buffer {
  const png = Buffer.from(pictures.png.bytes)
  png.writeUInt32BE(width, 16)
  return png
}
