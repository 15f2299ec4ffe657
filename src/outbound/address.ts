import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Parsed = ipaddr.IPv4 | ipaddr.IPv6
type Range = [Parsed, number]

/** `public`: on the Internet. `special`: fetched from where FETCH_ALLOW says so. `forbidden`: never. */
export type AddressKind = 'public' | 'special' | 'forbidden'

const ranges = (...texts: string[]): Range[] => texts.map((text) => ipaddr.parseCIDR(text))

// Link-local, and what clouds put their credentials on elsewhere; addresses that name no single machine; tunnels, and the
// other ways of writing an IPv4 address inside an IPv6 one, that nobody has a use for.
const FORBIDDEN = ranges(
  ...['169.254.0.0/16', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32', 'fe80::/10', 'fd00:ec2::254/128'],
  ...['0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', 'ff00::/8'],
  ...['::/96', '2001::/32', '2002::/16'],
)

// RFC 6890 §2.2.2 and the entries that its registry got since.
const SPECIAL_IPV4 = ranges(
  ...['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24'],
  ...['192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24'],
)

// Only RFC 4291 §2.4's 2000::/3 is handed out, so the rest is special without a list of it. RFC 6890 §2.2.3.
const GLOBAL_IPV6 = ranges('2000::/3')
const SPECIAL_IPV6 = ranges('2001::/23', '2001:db8::/32', '2620:4f:8000::/48', '3fff::/20')

// RFC 6052 §2.1, RFC 8215 §4: a gateway turns these into IPv4.
const NAT64 = ranges('64:ff9b::/96', '64:ff9b:1::/48')

const within = (address: Parsed, list: Range[]) =>
  list.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))

function parse(text: string): Parsed | undefined {
  // A zone chooses an interface: no business of a URL's or a name server's.
  if (isIP(text) === 0 || text.includes('%')) return undefined
  // In hexadecimal alone, as a URL shows it: ipaddr.js takes ::127.0.0.1 for ::ffff:127.0.0.1.
  return ipaddr.process(isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text)
}

/** The one spelling of an IP address, an IPv4-mapped one as IPv4; undefined for other text. RFC 4291 §2.5.5.2, RFC 5952 §4. */
export function canonicalAddress(text: string): string | undefined {
  return parse(text)?.toString()
}

/** What may be reached at an IP address. Text that isn't one is `forbidden`. RFC 6890 §2.2. */
export function classifyAddress(text: string): AddressKind {
  const address = parse(text)
  if (!address) return 'forbidden'
  if (address.toString() === '::1') return 'special'
  if (within(address, FORBIDDEN)) return 'forbidden'
  if (address.kind() === 'ipv4') return within(address, SPECIAL_IPV4) ? 'special' : 'public'
  return within(address, GLOBAL_IPV6) && !within(address, SPECIAL_IPV6) ? 'public' : 'special'
}

/** The IPv4 address that a NAT64 gateway makes of this one, where it is one of that kind. RFC 6052 §2.2. */
export function translatedAddress(text: string): string | undefined {
  const address = parse(text)
  if (!address || !within(address, NAT64)) return undefined
  return address.toByteArray().slice(-4).join('.')
}

/** Tells which addresses a CIDR range, or a lone address, holds; undefined for other text. RFC 4632 §3.1, RFC 4291 §2.3. */
export function parseRange(text: string): ((address: string) => boolean) | undefined {
  const [base = '', bits, ...rest] = text.split('/')
  const cidr = `${base}/${bits ?? (isIP(base) === 4 ? 32 : 128)}`
  // Leading zeros, which ipaddr.js would take, are octal to some readers and decimal to others.
  if (isIP(base) === 0 || rest.length > 0 || !ipaddr.isValidCIDR(cidr)) return undefined
  const range = ranges(cidr)
  return (candidate) => {
    const address = parse(candidate)
    return address !== undefined && within(address, range)
  }
}
