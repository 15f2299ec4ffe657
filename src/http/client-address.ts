import { isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * The client's address: the one that the outermost of `hops` trusted proxies saw, in canonical text.
 * Whatever stands further left in `X-Forwarded-For` came from the caller. RFC 7239 §8.1 says why none of that counts.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  hops: number,
): string {
  let address = canonicalAddress(socketAddress ?? '')
  const seen = hops > 0 && forwardedFor ? forwardedFor.split(',') : []
  for (const entry of seen.reverse().slice(0, hops)) {
    const next = canonicalAddress(withoutPort(entry.trim()))
    // A proxy that doesn't know wrote something else ("unknown"): its own address is the best there is.
    if (next === UNKNOWN) break
    address = next
  }
  return address
}

/** The key of an address in a rate limit: IPv4 whole, IPv6 by its /64, since a host owns all of that. */
export function addressKey(address: string): string {
  const canonical = canonicalAddress(address)
  if (!canonical.includes(':')) return canonical
  const groups = ipaddr.IPv6.parse(canonical).parts.slice(0, 4)
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`
}

const UNKNOWN = 'unknown'
// IPv6 with an IPv4 tail is 45 characters; a zone may follow. No parser is asked about more.
const MAX_LENGTH = 64

/** One text per address, RFC 5952 §4: IPv4-mapped IPv6 as IPv4, no zone; `unknown` for what is no address. */
export function canonicalAddress(text: string): string {
  if (isIPv4(text)) return text
  const [address = ''] = text.split('%', 1)
  if (text.length > MAX_LENGTH || !ipaddr.IPv6.isValid(address)) return UNKNOWN
  const parsed = ipaddr.IPv6.parse(address)
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String()
}

// Some proxies write a port: 192.0.2.1:4711, [2001:db8::1]:4711.
const withoutPort = (entry: string) =>
  /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? entry.replace(/^([\d.]+):\d+$/, '$1')
