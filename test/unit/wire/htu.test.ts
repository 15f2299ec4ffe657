import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeHtu } from '../../../src/wire/htu.js'

describe('the URL of a request', () => {
  it.each([
    { name: 'nothing to do', given: 'https://api.example/orders', expect: 'https://api.example/orders' },
    { name: 'query', given: 'https://api.example/orders?a=b', expect: 'https://api.example/orders' },
    { name: 'fragment', given: 'https://api.example/orders#x', expect: 'https://api.example/orders' },
    { name: 'query without path', given: 'https://api.example?a=b', expect: 'https://api.example/' },
    { name: 'empty path', given: 'https://api.example', expect: 'https://api.example/' },
    { name: 'scheme in capitals', given: 'HTTPS://api.example/', expect: 'https://api.example/' },
    { name: 'host in capitals', given: 'https://API.Example/Orders', expect: 'https://api.example/Orders' },
    { name: 'default port of https', given: 'https://api.example:443/', expect: 'https://api.example/' },
    { name: 'default port of http', given: 'http://api.example:80/', expect: 'http://api.example/' },
    { name: 'empty port', given: 'https://api.example:/', expect: 'https://api.example/' },
    { name: 'another port', given: 'https://api.example:8443/', expect: 'https://api.example:8443/' },
    { name: 'dot segments', given: 'https://api.example/a/./b/../c', expect: 'https://api.example/a/c' },
    { name: 'escaped dot segments', given: 'https://api.example/a/%2e%2E/c', expect: 'https://api.example/c' },
    { name: 'needless escapes', given: 'https://api.example/%7Ejoe/%61', expect: 'https://api.example/~joe/a' },
    { name: 'escapes in small letters', given: 'https://api.example/a%2fb', expect: 'https://api.example/a%2Fb' },
    { name: 'an escaped escape stays', given: 'https://api.example/%2561', expect: 'https://api.example/%2561' },
    { name: 'trailing slash stays', given: 'https://api.example/a/', expect: 'https://api.example/a/' },
    { name: 'double slash stays', given: 'https://api.example//a', expect: 'https://api.example//a' },
    { name: 'IPv6', given: 'http://[::1]:3000/a', expect: 'http://[::1]:3000/a' },
    { name: 'at sign in a path', given: 'https://api.example/@me', expect: 'https://api.example/@me' },
    { name: 'relative', given: '/orders', expect: undefined },
    { name: 'empty', given: '', expect: undefined },
    { name: 'another scheme', given: 'ftp://api.example/', expect: undefined },
    { name: 'no authority', given: 'https:api.example/', expect: undefined },
    { name: 'one slash', given: 'https:/api.example/', expect: undefined },
    { name: 'three slashes', given: 'https:///api.example/', expect: undefined },
    { name: 'user information', given: 'https://api.example@evil.example/', expect: undefined },
    { name: 'empty user information', given: 'https://@api.example/', expect: undefined },
    { name: 'backslash', given: 'https://api.example\\orders', expect: undefined },
    { name: 'tab', given: 'https://api.exa\tmple/', expect: undefined },
    { name: 'line break', given: 'https://api.example/a\nb', expect: undefined },
    { name: 'leading space', given: ' https://api.example/', expect: undefined },
    { name: 'a letter outside ASCII', given: 'https://api.example/é', expect: undefined },
    { name: 'half an escape', given: 'https://api.example/%zz', expect: undefined },
    { name: 'a port too large', given: 'https://api.example:99999/', expect: undefined },
  ])('is normalized: $name', ({ given, expect: expected }) => {
    expect(normalizeHtu(given)).toBe(expected)
  })

  it('is the same however it was spelled, and normalizing twice changes nothing', () => {
    const parts = fc.record({
      host: fc.domain(),
      path: fc.webPath(),
      query: fc.option(fc.webQueryParameters(), { nil: undefined }),
    })
    fc.assert(
      fc.property(parts, ({ host, path, query }) => {
        const plain = normalizeHtu(`https://${host}${path}`)
        const escaped = path.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
        const other = normalizeHtu(`HTTPS://${host.toUpperCase()}:443${escaped}?${query ?? ''}#top`)
        expect(plain).toBeDefined()
        // An escaped triplet in the path itself has its letters escaped too, which makes it another path.
        if (!path.includes('%')) expect(other).toBe(plain)
        expect(normalizeHtu(plain ?? '')).toBe(plain)
      }),
    )
  })

  it('is read in time that grows with its length, and never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void normalizeHtu(`https://${text}`)))
    const start = performance.now()
    for (const part of ['%61', '/..', '@', '%', ':', '?']) normalizeHtu(`https://api.example/${part.repeat(300_000)}`)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})
