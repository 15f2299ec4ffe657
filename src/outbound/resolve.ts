import { lookup, Resolver } from 'node:dns/promises'

/** Who chose the URL. FETCH_ALLOW is for operators' alone. */
export type RegisteredBy = 'operator' | 'client'

/** The addresses of a name, each as text. Throws, or gives none, when there is none. */
export type Resolve = (name: string, registeredBy: RegisteredBy) => Promise<string[]>

/**
 * An operator's names are what they are on this machine, with its hosts file and search list. A client's are looked up
 * in the DNS alone: a name can't grow an internal suffix, and a slow server holds no thread of the pool. RFC 1035 §7.2.
 */
export const systemResolve: Resolve = async (name, registeredBy) =>
  registeredBy === 'operator'
    ? (await lookup(name, { all: true })).map(({ address }) => address)
    : resolveInDns(name, new Resolver({ timeout: 2000, tries: 2 }))

/** The IPv4 and IPv6 addresses of a name in the DNS. Throws the resolver's error when there are none. RFC 3596 §2. */
export async function resolveInDns(name: string, resolver: Resolver): Promise<string[]> {
  const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  if (ipv4.status === 'rejected' && ipv6.status === 'rejected') throw ipv4.reason
  return [ipv4, ipv6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
}
