import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Html, html, isLink, render, url } from '../../../src/ui/html.js'

describe('html', () => {
  it('keeps what is written and escapes what is interpolated, in text and in attributes', () => {
    const text = `"><script>alert('1')</script>&amp;`
    expect(render(html`<p title="${text}">${text}</p>`)).toBe(
      '<p title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;">' +
        '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;</p>',
    )
  })

  it('takes markup as markup, lists of anything, and nothing for nothing', () => {
    const items = ['<a>', 1, null].map((item) => html`<li>${item}</li>`)
    expect(render(html`<ul>${items}${undefined}${false}${null}${[['x', [html`<hr>`]]]}</ul>`)).toBe(
      '<ul><li>&lt;a&gt;</li><li>1</li><li></li>x<hr></ul>',
    )
  })

  it('takes nothing that was made elsewhere for markup: not even what JSON can hold', () => {
    const forged: Html = JSON.parse('{"markup":"<script>","Symbol(markup)":"<script>"}')
    expect(render(html`${forged}`)).not.toContain('<script>')
  })

  it('lets through no character that ends a text or an attribute, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = render(html`${text}`)
        expect(escaped).not.toMatch(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/)
        expect(unescaped(escaped)).toBe(text)
      }),
    )
  })
})

describe('url', () => {
  it.each(['https://a.example/?b=1&c', 'http://127.0.0.1:80/', 'HTTPS://a.example', '/', '/t/acme/account?x=//y'])(
    'lets a page lead to %s',
    (target) => expect(url(target)).toBe(target),
  )

  it.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'java\tscript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'blob:https://a.example/1',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '\\\\evil.example',
    'https:evil.example',
    'https:///',
    'https://',
    'relative',
    '#x',
    '',
    'https://a.example/\n',
  ])('refuses %j', (target) => {
    expect(isLink(target)).toBe(false)
    expect(() => url(target)).toThrow(TypeError)
  })

  it('leads to http, https or this site, whatever it is given', () => {
    const prefix = fc.constantFrom('', '/', '//', '/\\', 'javascript:', 'https://', 'http:', 'data:')
    fc.assert(
      fc.property(prefix, fc.oneof(fc.webUrl(), fc.string()), (start, rest) => {
        const target = start + rest
        if (!isLink(target)) return
        const { protocol, origin } = new URL(target, 'https://here.example')
        expect(['https:', 'http:']).toContain(protocol)
        if (target.startsWith('/')) expect(origin).toBe('https://here.example')
      }),
      { numRuns: 2_000 },
    )
  })
})

function unescaped(text: string): string {
  const characters = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }))
  return text.replaceAll(/&([^;]+);/g, (_, name: string) => characters.get(name) ?? '')
}
