import type { Ports } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { STATUS_LIST_TYPE } from '../wire/status-list.js'
import { type Bits, catchUp, noBits } from './bits.js'
import { statusListUri } from './indices.js'
import type { ListKeys } from './list-keys.js'
import type { StatusListName, StatusListStore } from './ports.js'
import { type StatusListToken, statusListToken } from './status-list.js'

export type StatusLists = {
  /**
   * The list as it is now: what was revoked is in it within a quarter of a second of this process's hearing of it. Undefined: there is
   * no such list, or it is retired. Rejects while the database is out of reach and what is known older than the bound.
   */
  token(tenant: Tenant, listId: string): Promise<StatusListToken | undefined>
  /** Where the tenant's lists in use are published. draft-ietf-oauth-status-list §9.3. */
  uris(tenant: Tenant): Promise<readonly string[]>
}

type StatusListDeps = Pick<Ports, 'view' | 'jwtSigner' | 'now'> & {
  readonly store: StatusListStore
  readonly keys: (tenantId: string) => Promise<ListKeys>
  /** Told of every list signed, with the seconds it took. */
  readonly onBuilt: (seconds: number) => void
}

/** Seconds by which a list may lag behind Postgres before it is looked for changes: together with that, one second of its readers' bound. */
const FRESHNESS = 0.75
/** Milliseconds between two looks for changes of a list, however often it is asked for. */
const REBUILD_INTERVAL = 250
/** Seconds after which an unchanged list is signed again, well before it expires. */
const RESIGN_AFTER = 60
/** A list is 128 KiB of bits, its token at most half as much again. */
const MAX_LISTS = 200

const TYPE = { typ: STATUS_LIST_TYPE }

type Kept = {
  readonly name: StatusListName
  readonly bits: Bits
  signed: { readonly token: StatusListToken; readonly kid: string; readonly iat: number } | undefined
  checkedAt: number
  working: Promise<StatusListToken> | undefined
}

/** Status lists, kept in memory, read on from where they were read to and signed again when something changed. */
export function createStatusLists({ view, jwtSigner, now, store, keys, onBuilt }: StatusListDeps): StatusLists {
  // In the order of use.
  const lists = new Map<string, Kept>()

  async function keptOf(tenant: Tenant, listId: string): Promise<Kept | undefined> {
    const name = `${tenant.id} ${listId}`
    const found = lists.get(name)
    const retired = found && isRetired(found.name, now())
    lists.delete(name)
    if (retired) return undefined
    const kept = found ?? (await load(tenant, listId))
    if (!kept) return undefined
    // Somebody else may have found it meanwhile.
    const one = lists.get(name) ?? kept
    lists.set(name, one)
    const [oldest] = lists.keys()
    if (lists.size > MAX_LISTS && oldest !== undefined) lists.delete(oldest)
    return one
  }

  async function load(tenant: Tenant, listId: string): Promise<Kept | undefined> {
    const name = await store.find(tenant.id, listId)
    if (!name) return undefined
    return { name, bits: noBits(), signed: undefined, checkedAt: Number.NEGATIVE_INFINITY, working: undefined }
  }

  async function build(tenant: Tenant, listId: string, kept: Kept): Promise<StatusListToken> {
    const started = performance.now()
    const { name, bits, signed } = kept
    const permutation = (await keys(tenant.id)).permutation(listId)
    await catchUp(bits, { tenantId: tenant.id, name, permutation }, store)
    const kid = await jwtSigner.keyId(tenant, TYPE)
    const iat = Math.floor(now())
    const isGood = signed && !bits.changed && signed.kid === kid && Math.abs(iat - signed.iat) < RESIGN_AFTER
    const token = isGood ? signed.token : await statusListToken(tenant, { listId, bytes: bits.bytes, iat }, jwtSigner)
    kept.checkedAt = started
    if (isGood) return token
    kept.signed = { token, kid, iat }
    bits.changed = false
    onBuilt((performance.now() - started) / 1000)
    return token
  }

  return {
    async token(tenant, listId) {
      const kept = await keptOf(tenant, listId)
      if (!kept) return undefined
      // Rejects when this process is cut off: then nobody is told what it believes.
      const { rev } = await view.judged(tenant.id, FRESHNESS)
      const { signed, bits, checkedAt } = kept
      if (signed && signed.kid === (await jwtSigner.keyId(tenant, TYPE))) {
        const isCurrent = bits.revision >= rev && !bits.changed
        const wasJustRead = performance.now() - checkedAt < REBUILD_INTERVAL
        if ((isCurrent || wasJustRead) && Math.abs(now() - signed.iat) < RESIGN_AFTER) return signed.token
      }
      kept.working ??= build(tenant, listId, kept).finally(() => {
        kept.working = undefined
      })
      return kept.working
    },
    async uris(tenant) {
      const ids = await store.list(tenant.id)
      return ids.map((id) => statusListUri(tenant, id))
    },
  }
}

/** Five minutes after its hour, as its partition is dropped: nothing that points into it lives. draft-ietf-oauth-status-list §13.1. */
const isRetired = ({ slot }: StatusListName, at: number) => at > (slot + 1) * 3600 + 300
