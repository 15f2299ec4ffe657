import { describe, expect, it } from 'vitest'
import { notFound } from '../../src/http/errors.js'
import { formActionTo } from '../../src/http/form-action.js'
import { type PageOptions, page } from '../../src/http/page.js'
import type { IssuerRoute, RootRoute } from '../../src/http/route.js'
import { assetsRoute } from '../../src/http/routes/assets.js'
import { logoRoute } from '../../src/http/routes/logo.js'
import { invalidClient, invalidRequest, OAuthError, tooManyRequests } from '../../src/oauth/errors.js'
import type { Logos } from '../../src/oauth/ports.js'
import { assetPath, iconAsset, styleSheetAsset } from '../../src/ui/assets.js'
import { html } from '../../src/ui/html.js'
import { layout } from '../../src/ui/layout.js'
import { ACME, testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'
import { pictures } from '../support/pictures.js'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const policyOf = (options?: PageOptions) =>
  String(page({ headers: {} }, () => html`x`, options).headers['content-security-policy'])

function app({ fail, options }: { fail?: unknown; options?: PageOptions } = {}) {
  const seen: IssuerRoute<unknown> = {
    name: 'seen',
    path: '/seen',
    answers: 'page',
    body: 'form',
    maxBytes: 100,
    methods: {
      GET: async (request) => {
        if (fail) throw fail
        return page(request, (context) => layout({ title: 'Hello', body: html`<h1>Hello</h1>` }, context), options)
      },
      POST: async () => ({ status: 204, headers: {} }),
    },
  }
  const root: RootRoute<unknown> = {
    root: true,
    name: 'root',
    path: '/rooted',
    answers: 'page',
    methods: { GET: async () => Promise.reject(notFound()) },
  }
  const api: IssuerRoute<unknown> = {
    name: 'api',
    path: '/api',
    methods: { GET: async () => Promise.reject(notFound()) },
  }
  const logos: Logos = { find: async (id) => (id === ACME.id ? pictures.png : undefined) }
  return testApp([seen, root, api, assetsRoute, logoRoute], { deps: { logos } })
}

describe('the policy of a page', () => {
  it('allows nothing but what the page has', () => {
    expect(policyOf().replaceAll(/nonce-[\w-]{22}/g, 'nonce')).toBe(
      "default-src 'none'; style-src 'self' 'nonce'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    const wide = policyOf({ script: true, frames: ['https://a.example'], formAction: ['https:'] })
    expect(wide).toMatch(/; script-src 'nonce-[\w-]{22}'; frame-src https:\/\/a\.example; form-action 'self' https:;/)
  })

  it('has another nonce every time', () => {
    expect(new Set(Array.from({ length: 20 }, () => policyOf())).size).toBe(20)
  })

  it.each([
    "https://a.example; script-src 'unsafe-inline'",
    'https://a.example https://b.example',
    '*',
    "'unsafe-inline'",
    '',
  ])('takes no %j for a source', (source) => expect(() => policyOf({ formAction: [source] })).toThrow(TypeError))

  it.each([
    ['https://app.example/cb', ['https:']],
    ['http://127.0.0.1:8080/cb', ['http:', 'https:']],
    ['http://[::1]:8080/cb', ['http:', 'https:']],
    ['com.example.app:/cb', ['com.example.app:']],
  ])('lets a form lead to %s by its scheme', (redirectUri, formAction) => {
    expect(formActionTo(redirectUri)).toEqual(formAction)
    expect(policyOf({ formAction })).toContain(`form-action 'self' ${formAction.join(' ')};`)
  })
})

overBothTransports('a page', (reach) => {
  it('comes with the headers that keep it to itself', async () => {
    const { agent } = await reach(app())
    const { headers, text } = await agent.get('/seen').expect(200)
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-language': 'en',
      'cache-control': 'no-store',
      vary: 'Accept-Language, Cookie',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000',
    })
    expect(headers['permissions-policy']).toContain('camera=()')
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(text).toContain(`href="${assetPath(styleSheetAsset)}"`)
  })

  it('keeps its opener where a client may wait for its window', async () => {
    const { agent } = await reach(app({ options: { keepsOpener: true } }))
    const { headers } = await agent.get('/seen').expect(200)
    expect(headers['cross-origin-opener-policy']).toBe('unsafe-none')
  })

  it("is in the reader's language, under the tenant's name, the default tenant's being where it is", async () => {
    const { agent } = await reach(app())
    const german = await agent.get('/t/acme/seen').set('accept-language', 'de-AT, en;q=0.5').expect(200)
    expect(german.headers['content-language']).toBe('de')
    expect(german.text).toContain('<title>Hello · Acme Robotics</title>')
    expect((await agent.get('/seen')).text).toContain('<title>Hello · id.example.com</title>')
  })
})

overBothTransports('what fails where people see it', (reach) => {
  const unforeseen = new Error('secret detail')
  it.each([
    ['a malformed request', invalidRequest('A parameter is missing.'), 400, 'This didn’t work'],
    [
      'an unknown client',
      new OAuthError('invalid_request', 'r', { problem: 'bad_link' }),
      400,
      'This link can’t be used',
    ],
    ['a page too late', new OAuthError('invalid_request', 'r', { problem: 'expired' }), 400, 'This page has expired'],
    ['a client not authenticated', invalidClient('secret_wrong'), 400, 'This didn’t work'],
    ['nothing there', notFound(), 404, 'There is nothing here'],
    ['too many tries', tooManyRequests('r', 120), 429, 'Too many tries'],
    ['no database', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 503, 'We’ll be right back'],
    ['what nobody foresaw', unforeseen, 500, 'Something went wrong'],
  ])('is told as a page: %s', async (_, fail, status, title) => {
    const application = app({ fail })
    const { agent } = await reach(application)
    const { headers, text } = await agent.get('/t/acme/seen').expect(status)
    expect(text).toContain(`<h1>${title}</h1>`)
    expect(text).toContain('Acme Robotics')
    expect(text).toContain(`<code dir="ltr">${headers['x-request-id']}</code>`)
    expect(text).not.toContain('secret detail')
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    // A browser would ask for a password by itself.
    expect(headers).not.toHaveProperty('www-authenticate')
    expect(application.lines()).toMatchObject([{ route: 'seen', status }])
  })

  it('says when to try again, in the header and in words', async () => {
    const { agent } = await reach(app({ fail: tooManyRequests('r', 120) }))
    const { headers, text } = await agent.get('/seen').set('accept-language', 'de').expect(429)
    expect(headers['retry-after']).toBe('120')
    expect(text).toContain('Versuchen Sie es in 2 Minuten noch einmal.')
  })

  it('names the methods there are, and refuses what can not be read', async () => {
    const { agent } = await reach(app())
    const { headers, text } = await agent.delete('/seen').expect(405)
    expect(headers['allow']).toBe('GET, POST, HEAD')
    expect(text).toContain('<!doctype html>')
    const post = () => agent.post('/seen')
    const wrong = await post().set('content-type', 'application/json').send('{}').expect(415)
    expect(wrong.headers['content-type']).toContain('text/html')
    const large = await post()
      .type('form')
      .send(`a=${'x'.repeat(200)}`)
      .expect(413)
    expect(large.headers['content-type']).toContain('text/html')
  })

  it('is no tenant’s where there is no such tenant, and the same at the root', async () => {
    const { agent } = await reach(app())
    for (const path of ['/t/nobody/seen', '/rooted']) {
      const { text } = await agent.get(path).expect(404)
      expect(text).toContain('<title>There is nothing here</title>')
    }
  })

  it('stays JSON where programs call', async () => {
    const { agent } = await reach(app())
    const { body } = await agent.get('/api').set('accept', BROWSER).expect(404)
    expect(body.error).toBe('not_found')
  })

  it('is a page for a browser at an unknown path, and JSON for all others', async () => {
    const { agent } = await reach(app())
    const shown = await agent.get('/nothing').set('accept', BROWSER).set('accept-language', 'ar').expect(404)
    expect(shown.text).toContain('<html lang="ar" dir="rtl">')
    expect(shown.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'self' 'nonce-/)
    for (const accept of ['*/*', 'application/json', 'text/html;q=0.5, application/json', 'text/*;q=0.1, */*']) {
      const { body } = await agent.get('/nothing').set('accept', accept).expect(404)
      expect(body.error).toBe('not_found')
    }
  })
})

overBothTransports('assets', (reach) => {
  it('are kept for ever under the name of their content', async () => {
    const { agent } = await reach(app())
    const { headers, text } = await agent.get(assetPath(styleSheetAsset)).expect(200)
    expect(headers).toMatchObject({
      'content-type': 'text/css; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect(text).toBe(styleSheetAsset.text)
    const icon = await agent.get(assetPath(iconAsset)).expect(200)
    expect(icon.headers['content-type']).toBe('image/svg+xml')
  })

  it('of another release are not there, and not kept', async () => {
    const { agent } = await reach(app())
    for (const name of ['bulla.AAAAAAAAAAAAAAAA.css', 'bulla.css', '', '../health/live']) {
      const { headers } = await agent.get(`/assets/${name}`).expect(404)
      expect(headers['cache-control']).toBe('no-store')
    }
    await agent.get(`/t/acme${assetPath(styleSheetAsset)}`).expect(404)
  })
})

overBothTransports('a logo', (reach) => {
  it("is the tenant's, as what it is, and runs nothing", async () => {
    const { agent } = await reach(app())
    const { headers, body } = await agent.get('/t/acme/branding/logo?v=1').expect(200)
    expect(headers).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'cache-control': 'public, max-age=86400',
    })
    expect(Buffer.from(body)).toEqual(pictures.png.bytes)
    const etag = String(headers['etag'])
    await agent.get('/t/acme/branding/logo').set('if-none-match', etag).expect(304)
    await agent.get('/branding/logo').expect(404)
  })
})
