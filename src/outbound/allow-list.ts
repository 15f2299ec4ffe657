import { classifyAddress, parseRange, translatedAddress } from './address.js'

/** What an operator opened. Public addresses need no opening, except to plain http. */
export interface AllowList {
  /** Whether `host`, which has this address, may be fetched from there. */
  admits(host: string, address: string): boolean
  /** Whether that may be done without TLS: a range says so for all of it, a name for its special addresses only. */
  admitsPlain(host: string, address: string): boolean
}

// With a letter somewhere: digits and dots alone are a mistyped address, and `.1` would hold addresses.
const NAME = /^(?=.*[a-z])\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/

/**
 * Reads FETCH_ALLOW: CIDR ranges (`10.0.0.0/8`), addresses, names (`api.internal`), and all names below one
 * (`.internal`), in lower case. Throws Error for anything else. RFC 4632 §3.1.
 */
export function parseAllowList(entries: string[]): AllowList {
  const ranges = entries.flatMap((entry) => parseRange(entry) ?? [])
  const names = entries.filter((entry) => !parseRange(entry))
  const malformed = names.find((name) => !NAME.test(name))
  if (malformed !== undefined) throw new Error(`FETCH_ALLOW: ${malformed} is no range, address or name.`)

  const inRange = (address: string) => ranges.some((holds) => holds(address))
  const named = (host: string) => names.some((name) => (name.startsWith('.') ? host.endsWith(name) : host === name))

  function admits(host: string, address: string): boolean {
    const kind = classifyAddress(address)
    if (kind !== 'special') return kind === 'public'
    if (!inRange(address) && !named(host)) return false
    // Behind a NAT64 gateway may be another network with private addresses of its own.
    const translated = translatedAddress(address)
    return translated === undefined || admits(host, translated)
  }

  return {
    admits,
    admitsPlain: (host, address) =>
      admits(host, address) && (inRange(address) || (named(host) && classifyAddress(address) === 'special')),
  }
}
