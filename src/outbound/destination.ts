import { canonicalAddress } from './address.js'
import { type AllowList, parseAllowList } from './allow-list.js'
import { FetchError } from './fetch-error.js'
import type { RegisteredBy, Resolve } from './resolve.js'

const MAX_URL_LENGTH = 2048
const NOTHING = parseAllowList([])

/** A URL whose scheme, user info and port are right. Its host, when an address, is in one spelling. Throws FetchError. RFC 3986 §3. */
export function parseDestination(text: string, registeredBy: RegisteredBy): URL {
  // The URL parser reads 0x7f.1, 2130706433 and full-width digits as what they are, 127.0.0.1, and refuses IPv6 zones.
  const url = text.length <= MAX_URL_LENGTH && URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new FetchError('url_malformed')
  const plain = url.protocol === 'http:'
  if (url.protocol !== 'https:' && !(plain && registeredBy === 'operator')) throw new FetchError('scheme_refused')
  if (url.username !== '' || url.password !== '') throw new FetchError('userinfo_refused')
  // `internal.` and `internal` are one name to the DNS and two to whoever compares them.
  if (url.hostname.endsWith('.')) throw new FetchError('url_malformed')
  // Mail, remote shells and the like are below 1024 and not for sending requests to.
  if (url.port !== '' && Number(url.port) < 1024) throw new FetchError('port_refused', url.port)
  return url
}

/** The host of a URL without the brackets of an IPv6 address; IPv4-mapped ones as IPv4. RFC 3986 §3.2.2. */
export function hostOf(url: URL): { name: string; address: string | undefined } {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { name, address: canonicalAddress(name) }
}

export interface Surroundings {
  allow: AllowList
  resolve: Resolve
}

/**
 * The addresses to connect to, all of them checked: one that is refused refuses the name, or whoever answers for it
 * would choose. Throws FetchError `dns_failed`, `address_refused` or `scheme_refused`. RFC 6890 §2.2.
 */
export async function locate(
  url: URL,
  registeredBy: RegisteredBy,
  { allow, resolve }: Surroundings,
): Promise<string[]> {
  const { name, address } = hostOf(url)
  const addresses = address === undefined ? await resolved(name, registeredBy, resolve) : [address]
  const list = registeredBy === 'operator' ? allow : NOTHING
  const refused = addresses.find((each) => !list.admits(name, each))
  if (refused !== undefined) throw new FetchError('address_refused', refused)
  const exposed = url.protocol === 'http:' && addresses.find((each) => !list.admitsPlain(name, each))
  if (exposed) throw new FetchError('scheme_refused', exposed)
  return addresses
}

async function resolved(name: string, registeredBy: RegisteredBy, resolve: Resolve): Promise<string[]> {
  const answers = await resolve(name, registeredBy).catch((error: NodeJS.ErrnoException) => {
    throw new FetchError('dns_failed', error.code)
  })
  if (answers.length === 0) throw new FetchError('dns_failed')
  return answers.map((answer) => canonicalAddress(answer) ?? answer)
}
