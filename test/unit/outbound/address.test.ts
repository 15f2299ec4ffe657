import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, test } from 'vitest'
import { canonicalAddress, classifyAddress, parseRange, translatedAddress } from '../../../src/outbound/address.js'

const ipv4 = fc.ipV4()
const hex = (address: string) => Buffer.from(ipaddr.parse(address).toByteArray()).toString('hex')
const half = (address: string) => `${hex(address).slice(0, 4)}:${hex(address).slice(4)}`

describe('classifyAddress', () => {
  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '::ffff:1.1.1.1',
    '2606:4700:4700::1111',
    '2000::',
    '2001:200::',
    '3ffe:ffff::',
  ])('takes %s as public', (address) => expect(classifyAddress(address)).toBe('public'))

  test.each([
    '10.0.0.0',
    '10.255.255.255',
    '100.64.0.0',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.255',
    '172.16.0.0',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.31.196.1',
    '192.52.193.1',
    '192.88.99.1',
    '192.168.0.0',
    '192.168.255.255',
    '192.175.48.1',
    '198.18.0.0',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::1.1.1.1',
    '64:ff9b:1::1',
    '100::1',
    '2001:2::1',
    '2001:20::1',
    '2001:db8::1',
    '2620:4f:8000::1',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fdff::1',
    'fec0::1',
    '4000::',
    '1fff:ffff::',
  ])('takes %s as special', (address) => expect(classifyAddress(address)).toBe('special'))

  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '169.254.0.0',
    '169.254.169.254',
    '169.254.255.255',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::7f00:1',
    '::127.0.0.1',
    '::1.1.1.1',
    '::ffff:169.254.169.254',
    '::ffff:0:0',
    '2001:0:53aa:64c:0:0:80ff:fffe',
    '2002:a00:1::1',
    'fd00:ec2::254',
    'fe80::1',
    'febf:ffff::',
    'fe80::1%lo',
    '2606::1%lo',
    'ff02::1',
    '0x7f.1',
    '010.0.0.1',
    'localhost',
    '',
  ])('takes %s as forbidden', (address) => expect(classifyAddress(address)).toBe('forbidden'))

  test('calls no address public that another list of ranges does not', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, fc.ipV6()), (address) => {
        if (classifyAddress(address) === 'public') expect(ipaddr.process(address).range()).toBe('unicast')
      }),
      { numRuns: 2000 },
    )
  })

  test('judges an IPv4-mapped address as the IPv4 one, however it is written', () => {
    fc.assert(
      fc.property(ipv4, (address) => {
        const kind = classifyAddress(address)
        expect(classifyAddress(`::ffff:${address}`)).toBe(kind)
        expect(classifyAddress(`0:0:0:0:0:FFFF:${half(address)}`)).toBe(kind)
        expect(canonicalAddress(`::ffff:${half(address)}`)).toBe(address)
      }),
    )
  })

  test('calls no tunnelled or translated IPv4 address public', () => {
    fc.assert(
      fc.property(ipv4, (address) => {
        expect(classifyAddress(`64:ff9b::${address}`)).toBe('special')
        expect(translatedAddress(`64:ff9b::${half(address)}`)).toBe(address)
        expect(translatedAddress(`64:ff9b:1::${half(address)}`)).toBe(address)
        expect(classifyAddress(`2002:${half(address)}::1`)).toBe('forbidden')
        expect(classifyAddress(`2001:0:${half(address)}::1`)).toBe('forbidden')
        expect(classifyAddress(`::${half(address)}`)).toBe(classifyAddress(`::${address}`))
        expect(classifyAddress(`::${half(address)}`)).not.toBe('public')
      }),
    )
  })
})

test('a canonical address is its own, and the one that a URL shows', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, fc.ipV6()), (address) => {
      const canonical = canonicalAddress(address)
      expect(canonicalAddress(canonical ?? '')).toBe(canonical)
      const host = new URL(`https://${address.includes(':') ? `[${address}]` : address}/`).hostname
      expect(canonicalAddress(host.replace(/[[\]]/g, ''))).toBe(canonical)
    }),
  )
  expect(canonicalAddress('example.com')).toBeUndefined()
})

describe('parseRange', () => {
  test.each([
    {
      range: '10.0.0.0/8',
      holds: ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'],
      not: ['11.0.0.0', '::a00:1', 'x'],
    },
    { range: '10.1.2.3/8', holds: ['10.200.0.0'], not: ['11.0.0.0'] },
    { range: '10.1.2.3', holds: ['10.1.2.3'], not: ['10.1.2.4'] },
    { range: 'fd00::/8', holds: ['fd12::1'], not: ['fe80::1', '10.0.0.1'] },
    { range: '::1', holds: ['::1'], not: ['::2'] },
    { range: '0.0.0.0/0', holds: ['1.2.3.4'], not: ['2606::1'] },
  ])('$range holds $holds and not $not', ({ range, holds, not }) => {
    expect(holds.filter((address) => !parseRange(range)?.(address))).toEqual([])
    expect(not.filter((address) => parseRange(range)?.(address))).toEqual([])
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0/8',
    '010.0.0.0/8',
    '0x0a.0.0.0/8',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '::/129',
    'a/8',
    '',
  ])('refuses %s', (text) => expect(parseRange(text)).toBeUndefined())
})
