import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllowList } from '../../../src/outbound/allow-list.js'
import { hostOf, locate, parseDestination } from '../../../src/outbound/destination.js'
import { FetchError } from '../../../src/outbound/fetch-error.js'

const reasonOf = (error: unknown) => (error instanceof FetchError ? error.reason : error)

function parsed(url: string, registeredBy: 'operator' | 'client') {
  try {
    return parseDestination(url, registeredBy).href
  } catch (error) {
    return reasonOf(error)
  }
}

describe('parseDestination', () => {
  test.each([
    { url: 'https://host.test', expected: 'https://host.test/' },
    { url: 'https://host.test/a?b', expected: 'https://host.test/a?b' },
    { url: 'https://host.test:443/', expected: 'https://host.test/' },
    { url: 'https://host.test:8443/', expected: 'https://host.test:8443/' },
    { url: 'https://host.test:80/', expected: 'port_refused' },
    { url: 'https://host.test:22/', expected: 'port_refused' },
    { url: 'https://host.test:1023/', expected: 'port_refused' },
    { url: 'https://host.test:0/', expected: 'port_refused' },
    { url: 'https://host.test:65536/', expected: 'url_malformed' },
    { url: 'https://user@host.test/', expected: 'userinfo_refused' },
    { url: 'https://:secret@host.test/', expected: 'userinfo_refused' },
    { url: 'https://host.test./', expected: 'url_malformed' },
    { url: 'https://[fe80::1%25lo]/', expected: 'url_malformed' },
    { url: 'https://[fe80::1%lo]/', expected: 'url_malformed' },
    { url: 'https:///', expected: 'url_malformed' },
    { url: '//host.test/', expected: 'url_malformed' },
    { url: '', expected: 'url_malformed' },
    { url: `https://host.test/${'a'.repeat(2048)}`, expected: 'url_malformed' },
    { url: 'file:///etc/passwd', expected: 'scheme_refused' },
    { url: 'ftp://host.test/', expected: 'scheme_refused' },
    { url: 'data:application/json,{}', expected: 'scheme_refused' },
    { url: 'javascript:alert(1)', expected: 'scheme_refused' },
    { url: 'ws://host.test/', expected: 'scheme_refused' },
  ])('reads $url as $expected, whoever registered it', ({ url, expected }) => {
    expect(parsed(url, 'operator')).toBe(expected)
    expect(parsed(url, 'client')).toBe(expected)
  })

  test('takes http from an operator only', () => {
    expect(parsed('http://host.test/', 'operator')).toBe('http://host.test/')
    expect(parsed('http://host.test/', 'client')).toBe('scheme_refused')
  })

  test('gives a URL or a FetchError for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl({ withQueryParameters: true }), fc.string()), (text) => {
        expect(parsed(text, 'client')).toBeTypeOf('string')
      }),
    )
  })
})

const everything = parseAllowList(['0.0.0.0/0', '::/0'])
const located = (url: string, registeredBy: 'operator' | 'client', answers: string[], allow = everything) =>
  locate(parseDestination(url, registeredBy), registeredBy, { allow, resolve: async () => answers }).catch(reasonOf)

describe('locate', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    '0177.0.0.1',
    '017700000001',
    '１２７.0.0.1',
    '127。0。0。1',
    '%31%32%37.0.0.1',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:FFFF:127.0.0.1]',
  ])('judges %s as 127.0.0.1, without asking for a name', async (host) => {
    const loopback = parseAllowList(['127.0.0.1'])
    expect(await located(`https://${host}/`, 'operator', [], loopback)).toEqual(['127.0.0.1'])
    expect(await located(`https://${host}/`, 'client', [], loopback)).toBe('address_refused')
  })

  test.each([
    '0.0.0.0',
    '169.254.169.254',
    '[::]',
    '[fe80::1]',
    '[ff02::1]',
    '[2002:7f00:1::]',
    '[64:ff9b::a9fe:a9fe]',
  ])('refuses %s, whatever is allowed', async (host) =>
    expect(await located(`https://${host}/`, 'operator', [])).toBe('address_refused'),
  )

  test.each([
    { name: 'public addresses', answers: ['1.1.1.1', '2606:4700::1'], expected: ['1.1.1.1', '2606:4700::1'] },
    { name: 'a mapped public address', answers: ['::ffff:1.1.1.1'], expected: ['1.1.1.1'] },
    { name: 'a private address', answers: ['10.0.0.1'], expected: 'address_refused' },
    { name: 'a mapped private address', answers: ['::ffff:10.0.0.1'], expected: 'address_refused' },
    { name: 'a private one beside public ones', answers: ['1.1.1.1', 'fd00::1'], expected: 'address_refused' },
    { name: 'shared address space', answers: ['100.64.0.1'], expected: 'address_refused' },
    { name: 'an IPv6 address with a zone', answers: ['fe80::1%lo'], expected: 'address_refused' },
    { name: 'what is no address', answers: ['host.test'], expected: 'address_refused' },
    { name: 'no address', answers: [], expected: 'dns_failed' },
  ])("a client's name that has $name", async ({ answers, expected }) => {
    expect(await located('https://host.test/', 'client', answers)).toEqual(expected)
  })

  test('sends plain http to opened addresses only, all of them', async () => {
    const names = parseAllowList(['host.test', '10.0.0.0/8'])
    expect(await located('http://host.test/', 'operator', ['10.0.0.1', '192.168.0.1'], names)).toHaveLength(2)
    expect(await located('http://host.test/', 'operator', ['10.0.0.1', '1.1.1.1'], names)).toBe('scheme_refused')
    expect(await located('http://other.test/', 'operator', ['10.0.0.1'], names)).toEqual(['10.0.0.1'])
    expect(await located('http://1.1.1.1/', 'operator', [], names)).toBe('scheme_refused')
  })

  test('names the refused address, and the code of a lookup that failed', async () => {
    const url = parseDestination('https://host.test/', 'client')
    const private_ = locate(url, 'client', { allow: everything, resolve: async () => ['1.1.1.1', '10.0.0.1'] })
    await expect(private_).rejects.toMatchObject({ reason: 'address_refused', detail: '10.0.0.1' })
    const failed = Object.assign(new Error('queryA ENOTFOUND host.test'), { code: 'ENOTFOUND' })
    const absent = locate(url, 'client', { allow: everything, resolve: () => Promise.reject(failed) })
    await expect(absent).rejects.toMatchObject({ reason: 'dns_failed', detail: 'ENOTFOUND' })
  })
})

test('a host is a name or an address without brackets', () => {
  expect(hostOf(new URL('https://[2606:4700::1]/'))).toEqual({ name: '2606:4700::1', address: '2606:4700::1' })
  expect(hostOf(new URL('https://b\u00fccher.test/'))).toEqual({ name: 'xn--bcher-kva.test', address: undefined })
})
