import { expect, test } from 'vitest'
import { parseAllowList } from '../../../src/outbound/allow-list.js'

const ANYWHERE = ['0.0.0.0/0', '::/0', 'host.test', '.test']

test.each([
  { name: 'a public address needs no opening', allow: [], host: 'host.test', address: '1.1.1.1', admits: true },
  {
    name: 'but for plain http',
    allow: ['1.1.1.0/24'],
    host: 'host.test',
    address: '1.1.1.1',
    admits: true,
    plain: true,
  },
  { name: 'a name opens no public address to plain http', allow: ['host.test'], address: '1.1.1.1', admits: true },
  { name: 'a private address is closed', allow: [], address: '10.0.0.1', admits: false },
  { name: 'a range opens it', allow: ['10.0.0.0/8'], address: '10.0.0.1', admits: true, plain: true },
  { name: 'an address opens it', allow: ['10.0.0.1'], address: '10.0.0.1', admits: true, plain: true },
  { name: 'another range does not', allow: ['172.16.0.0/12', 'fd00::/8'], address: '10.0.0.1', admits: false },
  { name: 'its name opens it', allow: ['host.test'], address: '10.0.0.1', admits: true, plain: true },
  { name: 'another name does not', allow: ['ost.test', 'a.host.test'], address: '10.0.0.1', admits: false },
  { name: 'a suffix opens it', allow: ['.test'], address: '10.0.0.1', admits: true, plain: true },
  { name: 'a suffix is one of labels', allow: ['.st'], address: '10.0.0.1', admits: false },
  { name: 'a suffix holds not itself', allow: ['.host.test'], address: '10.0.0.1', admits: false },
  { name: 'nothing opens link-local', allow: ANYWHERE, address: '169.254.169.254', admits: false },
  { name: 'nothing opens link-local of IPv6', allow: [...ANYWHERE, 'fe80::/10'], address: 'fe80::1', admits: false },
  { name: 'nothing opens it mapped', allow: ANYWHERE, address: '::ffff:169.254.169.254', admits: false },
  { name: 'nothing opens it translated', allow: ANYWHERE, address: '64:ff9b::169.254.169.254', admits: false },
  { name: 'nothing opens multicast', allow: ANYWHERE, address: 'ff02::1', admits: false },
  { name: 'nothing opens 0.0.0.0', allow: ANYWHERE, address: '0.0.0.0', admits: false },
  { name: 'nothing opens what is no address', allow: ANYWHERE, address: 'fd00::1%lo', admits: false },
  { name: 'NAT64 is closed', allow: [], address: '64:ff9b::1.1.1.1', admits: false },
  { name: 'NAT64 can be opened', allow: ['64:ff9b::/96'], address: '64:ff9b::1.1.1.1', admits: true, plain: true },
  { name: 'NAT64 opened opens nothing private', allow: ['64:ff9b::/96'], address: '64:ff9b::10.0.0.1', admits: false },
])('$name', ({ allow, host = 'host.test', address, admits, plain = false }) => {
  const list = parseAllowList(allow)
  expect([list.admits(host, address), list.admitsPlain(host, address)]).toEqual([admits, plain])
})

test.each([
  '',
  '*',
  '10.0.0.0/33',
  '10.0.0',
  '010.0.0.0/8',
  'https://a',
  'a b',
  'a..b',
  'A.test',
  'a.test.',
  '.',
  '.1',
])('refuses "%s" and names the setting', (entry) => expect(() => parseAllowList([entry])).toThrow(/^FETCH_ALLOW: /))
