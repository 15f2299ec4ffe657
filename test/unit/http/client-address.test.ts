import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressKey, canonicalAddress, clientAddress } from '../../../src/http/client-address.js'

describe('clientAddress', () => {
  it.each([
    { name: 'believes no header without a proxy', hops: 0, forwarded: '203.0.113.9', expected: '10.0.0.1' },
    { name: 'takes what the one proxy saw', hops: 1, forwarded: '203.0.113.9', expected: '203.0.113.9' },
    {
      name: 'takes the right-most entry behind one proxy',
      hops: 1,
      forwarded: '1.1.1.1, 203.0.113.9',
      expected: '203.0.113.9',
    },
    {
      name: 'takes the second from the right behind two',
      hops: 2,
      forwarded: '1.1.1.1,203.0.113.9,10.0.0.2',
      expected: '203.0.113.9',
    },
    { name: 'stops at the left end', hops: 3, forwarded: '203.0.113.9', expected: '203.0.113.9' },
    { name: 'falls back to the socket without a header', hops: 1, forwarded: undefined, expected: '10.0.0.1' },
    { name: 'falls back to the last believed address', hops: 1, forwarded: 'unknown', expected: '10.0.0.1' },
    {
      name: 'does not look past an entry it can not read',
      hops: 2,
      forwarded: '1.1.1.1, _hidden',
      expected: '10.0.0.1',
    },
    { name: 'reads an entry with a port', hops: 1, forwarded: '203.0.113.9:4711', expected: '203.0.113.9' },
    { name: 'reads IPv6 with a port', hops: 1, forwarded: '[2001:DB8::1]:4711', expected: '2001:db8::1' },
    { name: 'reads IPv6 in brackets', hops: 1, forwarded: '[2001:db8::1]', expected: '2001:db8::1' },
  ])('$name', ({ hops, forwarded, expected }) => {
    expect(clientAddress('::ffff:10.0.0.1', forwarded, hops)).toBe(expected)
  })

  it('is decided by the proxies alone: nothing a caller writes further left changes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.integer({ min: 1, max: 3 }), (forged, hops) => {
        const proxies = ['203.0.113.9', '10.0.0.3', '10.0.0.2'].slice(0, hops).join(', ')
        expect(clientAddress('10.0.0.1', `${forged}, ${proxies}`, hops)).toBe('203.0.113.9')
      }),
    )
  })

  it('calls a connection without an address unknown', () => {
    expect(clientAddress(undefined, undefined, 0)).toBe('unknown')
  })
})

describe('canonicalAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:0DB8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['127.1', 'unknown'],
    ['0x7f.0.0.1', 'unknown'],
    ['017700000001', 'unknown'],
    ['1.2.3.4.5', 'unknown'],
    ['example.com', 'unknown'],
    ['', 'unknown'],
    ['1.2.3.4\r\nx', 'unknown'],
    [`::1%${'a'.repeat(100)}`, 'unknown'],
  ])('writes %j as %s', (text, expected) => {
    expect(canonicalAddress(text)).toBe(expected)
  })

  it('writes all texts of one address alike', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = canonicalAddress(address)
        expect(canonicalAddress(address.toUpperCase())).toBe(canonical)
        expect(canonicalAddress(canonical)).toBe(canonical)
      }),
    )
  })
})

describe('addressKey', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['unknown', 'unknown'],
  ])('keys %s as %s', (address, key) => {
    expect(addressKey(address)).toBe(key)
  })

  it('gives all addresses of a /64 one key, and another /64 another', () => {
    const half = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 4, maxLength: 4 })
    const text = (groups: number[]) => groups.map((group) => group.toString(16)).join(':')
    const notMapped = half.filter((groups) => groups.some((group) => group !== 0))
    fc.assert(
      fc.property(notMapped, half, half, (network, host, otherHost) => {
        const key = addressKey(text([...network, ...host]))
        expect(addressKey(text([...network, ...otherHost]))).toBe(key)
        const [first = 0, ...rest] = network
        expect(addressKey(text([first ^ 1, ...rest, ...host]))).not.toBe(key)
      }),
    )
  })
})
