import { describe, expect, it } from 'vitest'
import {
  assertOwnForm,
  type Browser,
  browserOf,
  cookieName,
  csrfToken,
  newBrowser,
  readCookie,
  rememberBrowser,
} from '../../../src/http/browser.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'
import { reasonOf } from '../../support/request.js'

const SESSION = 's'.repeat(64)
const signedIn: Browser = { ...newBrowser(), session: SESSION }
const LOCAL = { ...DEFAULT_TENANT, issuer: 'http://localhost:3000' }
const pairOf = (browser: Browser, tenant = DEFAULT_TENANT) =>
  String(rememberBrowser(tenant, browser)['set-cookie']).split(';', 1)[0] ?? ''
const from = (cookie: string, tenant = DEFAULT_TENANT) => browserOf({ headers: { cookie }, tenant })

describe('the cookie of a browser', () => {
  it('comes back as the same browser, signed in or not', () => {
    const stranger = newBrowser()
    expect(from(pairOf(stranger))).toEqual(stranger)
    expect(from(`a=b; ${pairOf(signedIn)}; c=d`)).toEqual(signedIn)
  })

  it('is bound to the host and to https', () => {
    const header = String(rememberBrowser(DEFAULT_TENANT, signedIn)['set-cookie'])
    expect(header).toMatch(/^__Host-bulla\.id-of-default=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
  })

  it('has neither prefix nor Secure where the server is on http', () => {
    const header = String(rememberBrowser(LOCAL, signedIn)['set-cookie'])
    expect(header).toMatch(/^bulla\.id-of-default=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/)
  })

  it('of one tenant is none at another', () => {
    expect(from(pairOf(signedIn), ACME)).toBeUndefined()
    expect(from(pairOf(signedIn).replace(cookieName(DEFAULT_TENANT), cookieName(ACME)), ACME)).toEqual(signedIn)
  })

  it('counts for nothing when it is there twice', () => {
    expect(from(`${pairOf(signedIn)}; ${pairOf(newBrowser())}`)).toBeUndefined()
  })

  it('without its prefix, as a sibling could plant it, is not looked at', () => {
    expect(from(pairOf(signedIn).replace('__Host-', ''))).toBeUndefined()
  })

  it.each([
    '',
    'x',
    `${'a'.repeat(22)}.`,
    `${'a'.repeat(22)}.${'b'.repeat(63)}`,
    `"${'a'.repeat(22)}"`,
    'a'.repeat(5000),
  ])('is not read when it is none we set: %.30s', (value) => {
    expect(from(`${cookieName(DEFAULT_TENANT)}=${value}`)).toBeUndefined()
  })

  it('is found by its whole name', () => {
    expect(readCookie({ headers: { cookie: 'ab=1; b=2' } }, 'b')).toBe('2')
    expect(readCookie({ headers: {} }, 'b')).toBeUndefined()
  })
})

describe('a form', () => {
  const token = csrfToken(signedIn, 'flow 1')
  const post = (
    headers: Record<string, string>,
    given: string | undefined = token,
    browser: Browser | undefined = signedIn,
  ) => reasonOf(() => assertOwnForm({ headers, tenant: DEFAULT_TENANT }, browser, { purpose: 'flow 1', token: given }))

  it.each([
    {},
    { origin: 'https://id.example.com', 'sec-fetch-site': 'same-origin' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ])('of ours is taken: %j', (headers) => {
    expect(post(headers)).toBeUndefined()
  })

  it.each([
    { origin: 'https://evil.example' },
    { origin: 'http://id.example.com' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('of another site is refused: %j', (headers) => {
    expect(post(headers)).toBe('form_of_another_site')
  })

  it('is good in the browser, for the purpose and in the session it was made for alone', () => {
    expect(post({}, csrfToken(signedIn, 'flow 2'))).toBe('csrf_token_wrong')
    expect(post({}, csrfToken(newBrowser(), 'flow 1'))).toBe('csrf_token_wrong')
    expect(post({}, csrfToken({ ...signedIn, session: undefined }, 'flow 1'))).toBe('csrf_token_wrong')
    expect(post({}, '')).toBe('csrf_token_wrong')
    expect(
      reasonOf(() =>
        assertOwnForm({ headers: {}, tenant: DEFAULT_TENANT }, signedIn, { purpose: 'flow 1', token: undefined }),
      ),
    ).toBe('csrf_token_wrong')
    expect(
      reasonOf(() => assertOwnForm({ headers: {}, tenant: DEFAULT_TENANT }, undefined, { purpose: 'flow 1', token })),
    ).toBe('form_without_browser')
  })
})
