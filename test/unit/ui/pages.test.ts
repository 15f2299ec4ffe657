import { describe, expect, it } from 'vitest'
import { type Html, render } from '../../../src/ui/html.js'
import type { Brand, PageContext } from '../../../src/ui/page-context.js'
import { consentPage } from '../../../src/ui/pages/consent.js'
import { errorPage } from '../../../src/ui/pages/error.js'
import { formPostPage } from '../../../src/ui/pages/form-post.js'
import { signInPage } from '../../../src/ui/pages/sign-in.js'
import { signedOutPage } from '../../../src/ui/pages/signed-out.js'
import { signingOutPage } from '../../../src/ui/pages/signing-out.js'
import { styleSheet } from '../../../src/ui/style-sheet.js'
import { chooseLanguage, uiLocales } from '../../../src/ui/texts/languages.js'
import { gallery, type Strangers } from '../../support/page-gallery.js'

const NONCE = 'bm9uY2U'
const context = (language = 'en', brand: Brand = { name: 'Acme' }): PageContext => ({
  nonce: NONCE,
  language: chooseLanguage({ uiLocales: language }),
  brand,
  basePath: '/t/acme',
  now: new Date(),
})
const text = (page: Html) => render(page)

const nasty = (payload: string): Strangers => ({
  client: payload,
  user: payload,
  username: payload,
  permission: payload,
  state: payload,
  userAgent: payload,
})

describe.each(gallery().map(({ name }) => name))('the page %s', (name) => {
  const draw = (strangers?: Strangers, made = context()) => {
    const exhibit = gallery(strangers).find((one) => one.name === name)
    return text(exhibit?.draw(made) ?? expect.fail())
  }

  it.each([
    `"><script>alert(1)</script>`,
    `'><img src=x onerror=alert(1)>`,
    `</title></style></script><svg onload=alert(1)>`,
    `" autofocus onfocus="alert(1)`,
    '{{constructor}}&lt;b&gt;',
  ])('says %s as it stands, whoever chose it', (payload) => {
    // What an attacker adds is text: the tags and attributes are those of the page with a harmless name.
    const skeleton = (page: string) => page.match(/<[^>]*>/g)?.map((tag) => tag.replaceAll(/"[^"]*"/g, '""'))
    expect(skeleton(draw(nasty(payload)))).toEqual(skeleton(draw(nasty('harmless'))))
  })

  it('turns no text around', () => {
    const page = draw({ ...nasty('a\u202eb\u2066c\u200bd\u0000e') })
    // What a person typed goes back as it was, in a field.
    const shown = page.replaceAll(/ value="[^"]*"/g, '')
    expect(shown).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\0]/)
  })

  it.each(uiLocales)('says in %s what language it is in, and a title', (locale) => {
    const page = draw(undefined, context(locale))
    const direction = locale === 'ar' ? 'rtl' : 'ltr'
    expect(page).toContain(`<!doctype html>\n<html lang="${locale}" dir="${direction}">`)
    expect(page).toMatch(/<title>[^<]+ · Acme<\/title>/)
    expect(page.match(/<h1>/g)).toHaveLength(1)
  })

  it('has no style or script but what its nonce covers, and loads from this site alone', () => {
    const page = draw()
    expect(page).not.toMatch(/\sstyle=|\son[a-z]+=/)
    for (const tag of page.match(/<(?:script|style)\b[^>]*>/g) ?? []) expect(tag).toContain(`nonce="${NONCE}"`)
    for (const [, source] of page.matchAll(/<(?:link|img|script|iframe)\b[^>]*(?:href|src)="([^"]*)"/g)) {
      expect(source).toMatch(/^\/[a-z]/)
    }
  })

  it('proves where its forms come from', () => {
    for (const form of draw().match(/<form\b[\s\S]*?<\/form>/g) ?? []) {
      if (name === 'form-post') expect(form).not.toContain('csrf')
      else expect(form).toContain('action="/here"><input type="hidden" name="csrf" value="k7Jd0csrf">')
    }
  })
})

describe('signInPage', () => {
  const props = { action: '/x', csrf: 'c', cancellable: true }

  it('says what went wrong with both fields, and never with which', () => {
    const page = text(signInPage({ ...props, username: 'ada@acme.example', error: 'credentials' }, context()))
    expect(page.match(/aria-invalid="true" aria-describedby="problem"/g)).toHaveLength(2)
    expect(page).toContain('role="alert" id="problem"')
    expect(page).toContain('<title>Error: Sign in')
  })

  it('says when to try again', () => {
    const page = text(signInPage({ ...props, error: 'throttled', retryAfter: 900 }, context()))
    expect(page).toContain('Try again in 15 minutes.')
    expect(page).not.toContain('aria-invalid')
  })

  it('keeps the name of who must confirm, where a password manager finds it', () => {
    const page = text(signInPage({ ...props, username: 'ada@acme.example', fixed: true }, context()))
    expect(page).toContain('<h1>Confirm it’s you</h1>')
    expect(page).toMatch(/<input name="username"[^>]* value="ada@acme.example" readonly hidden>/)
  })

  it('signs in by Enter, though it can be left', () => {
    const page = text(signInPage(props, context()))
    expect(page.indexOf('value="sign_in"')).toBeLessThan(page.indexOf('value="cancel" formnovalidate'))
    expect(text(signInPage({ ...props, cancellable: false }, context()))).not.toContain('cancel')
  })
})

describe('consentPage', () => {
  const props = {
    action: '/x',
    csrf: 'c',
    client: { name: 'Shell', verified: false },
    destination: { kind: 'web', host: 'xn--pypal-4ve.example' },
    permissions: [{ scope: 'email' }, { scope: 'constructor' }],
    user: { username: 'ada@acme.example' },
  } as const

  it('names the host as it is written, and that nobody has checked the app', () => {
    const page = text(consentPage(props, context()))
    expect(page).toContain('<b dir="ltr">xn--pypal-4ve.example</b>')
    expect(page).toContain('Nobody at <bdi>Acme</bdi> has checked this app.')
    expect(page).toContain('href="/t/acme/account"')
  })

  it('words the scopes of OpenID Connect, and shows others as they are', () => {
    const page = text(consentPage(props, context()))
    expect(page).toContain('See your email address')
    expect(page).toContain('<code><bdi>constructor</bdi></code>')
  })

  it('warns of a name that imitates another, of checked apps too', () => {
    const client = { name: 'Pаypal', verified: true }
    const page = text(consentPage({ ...props, client }, context()))
    expect(page).toContain('different alphabets')
    expect(page).not.toContain('Nobody at')
  })

  it('links nowhere that a page may not lead', () => {
    const client = { name: 'x', verified: true, uri: { policyUri: 'javascript:alert(1)' } }
    expect(text(consentPage({ ...props, client }, context()))).not.toContain('javascript')
  })
})

describe('other pages', () => {
  it('hand over no response to a script', () => {
    const props = { action: 'javascript:alert(1)', fields: [], client: { name: 'x' } }
    expect(() => formPostPage(props, context())).toThrow(TypeError)
  })

  it('refuse to lead to a script after signing out', () => {
    expect(() => signedOutPage({ continueTo: 'data:text/html,x' }, context())).toThrow(TypeError)
    expect(() => signingOutPage({ frames: ['javascript:alert(1)'] }, context())).toThrow(TypeError)
  })

  it('put clients to be told in frames that can open and lead nowhere', () => {
    const page = text(signingOutPage({ frames: ['https://app.example/out?sid=1&iss=x'] }, context()))
    expect(page).toContain('sandbox="allow-scripts allow-same-origin"')
    expect(page).toContain('src="https://app.example/out?sid=1&amp;iss=x"')
    expect(page).not.toContain('http-equiv="refresh"')
  })

  it('say the reference of an error last', () => {
    const page = text(errorPage({ kind: 'bad_link', reference: 'r-1', detail: 'redirect_uri' }, context()))
    expect(page.indexOf('redirect_uri')).toBeLessThan(page.indexOf('r-1'))
  })
})

describe('the brand', () => {
  const page = (brand: Brand) => text(errorPage({ kind: 'not_found', reference: 'r' }, context('en', brand)))

  it('sets colours that were checked, and nothing else', () => {
    const nonced = page({ name: 'Acme', accent: '#0b5fff', accentDark: '#8ab4ff' })
    expect(nonced).toContain(`<style nonce="${NONCE}">:root{--accent:#0b5fff;--accent-dark:#8ab4ff}</style>`)
    expect(page({ name: 'Acme', accent: 'red}body{display:none' })).not.toContain('<style')
    expect(page({ name: 'Acme' })).not.toContain('<style')
  })

  it('shows a logo of its own, links that were given, and no name where it has none', () => {
    const shown = page({ name: '', logo: 'abc', helpUri: 'https://h.example', privacyUri: 'javascript:x' })
    expect(shown).toContain('src="/t/acme/branding/logo?v=abc"')
    expect(shown).toContain('<footer><a href="https://h.example">Help</a></footer>')
    expect(shown).toContain('<title>There is nothing here</title>')
  })

  it('has a style sheet that loads nothing', () => {
    expect(styleSheet).not.toMatch(/@import|url\(/)
  })
})
