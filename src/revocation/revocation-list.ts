import type { Ports, RevocationPage } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { REVOCATION_LIST_TYPE } from '../wire/revocation-list.js'

export type RevocationListPorts = Pick<Ports, 'revocations' | 'jwtSigner' | 'policy' | 'now'>

/**
 * What is signed: a page, the cursor it continues from, and for a heartbeat when Postgres was asked and, in the first of a stream, when
 * the stream was: seconds of one monotonic clock.
 */
export type ListedPage = Omit<RevocationPage, 'first' | 'at'> & {
  readonly since?: string | undefined
  readonly polledAt?: number
  readonly openedAt?: number | undefined
}

type List = string | 'reset'
type Reading = { begun: boolean; readonly list: Promise<List> }

// Of each store the one reading of a page that is under way, or the next one that waits for its end.
const readings = new WeakMap<RevocationListPorts['revocations'], Map<string, Reading>>()

/**
 * A page of the tenant's revocations as a compact JWS, RFC 7515 §3.1: of all live ones, or with a cursor of those that came after it.
 * `reset`: the cursor is too old, of another database, or none of ours. Who asks for the same page at the same time shares one reading,
 * and never one that began before they asked: a reader counts the age of what it knows from there.
 */
export function revocationList(tenant: Tenant, since: string | undefined, ports: RevocationListPorts): Promise<List> {
  const all = readings.get(ports.revocations) ?? new Map<string, Reading>()
  readings.set(ports.revocations, all)
  const name = since === undefined ? tenant.id : `${tenant.id} ${since}`
  const known = all.get(name)
  if (known && !known.begun) return known.list
  const begin = () => {
    reading.begun = true
    return readList(tenant, since, ports)
  }
  const list = (known?.list ?? Promise.resolve()).then(begin, begin)
  const reading: Reading = { begun: false, list }
  all.set(name, reading)
  const forget = () => all.get(name) === reading && all.delete(name)
  list.then(forget, forget)
  return list
}

async function readList(tenant: Tenant, since: string | undefined, ports: RevocationListPorts): Promise<List> {
  const { revocations } = ports
  const page = await (since === undefined ? revocations.snapshot(tenant.id) : revocations.since(tenant.id, since))
  return page === 'reset' ? 'reset' : signPage(tenant, { ...page, since }, ports)
}

/**
 * Signs a page. Claims: `iss`, `iat`, `cursor` to ask with next, `revision` (µs) up to which everything is told, `max_staleness` (s),
 * `entries`, and where only a part is told `since` and `after`, the cursor and the revision it continues from, so that a part never
 * passes for the whole and a gap is seen; `more` where asking again tells more; `polled_at` and `opened_at` (s) in a heartbeat. One list serves every
 * API of the tenant: `typ` and `iss` bind it, it has no `aud`.
 */
export async function signPage(
  tenant: Tenant,
  { entries, since, after, more, cursor, revision, polledAt, openedAt }: ListedPage,
  { jwtSigner, policy, now }: Pick<RevocationListPorts, 'jwtSigner' | 'policy' | 'now'>,
): Promise<string> {
  const claims = JSON.stringify({
    iss: tenant.issuer,
    iat: Math.floor(now()),
    ...(since !== undefined && { since, after }),
    cursor,
    revision,
    max_staleness: policy.maxStaleness,
    ...(more && { more }),
    ...(polledAt !== undefined && { polled_at: polledAt }),
    ...(openedAt !== undefined && { opened_at: openedAt }),
  })
  // The entries come as text and stay it: thousands of them parsed and written again would hold up everybody.
  const payload = Buffer.from(`${claims.slice(0, -1)},"entries":${entries}}`)
  return jwtSigner.sign(tenant, { typ: REVOCATION_LIST_TYPE }, payload)
}
