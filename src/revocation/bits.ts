import { setImmediate as nextTurn } from 'node:timers/promises'
import { LIST_LENGTH } from '../wire/status-list.js'
import type { Permutation } from './permutation.js'
import type { FlipPosition, StatusListName, StatusListStore } from './ports.js'

/** A list's bits as far as they were read: one a token, set when it is revoked, the lowest of a byte first. draft-ietf-oauth-status-list §4.1. */
export type Bits = {
  readonly bytes: Buffer
  /** Everything up to here is in `bytes`. */
  revision: number
  /** A bit was set since whoever signs them put this back. */
  changed: boolean
}

/** Positions in one turn of the event loop: under a millisecond. */
const AT_A_TIME = 16_384

/** A list of which nothing was read. */
export const noBits = (): Bits => ({ bytes: Buffer.alloc(LIST_LENGTH / 8), revision: -1, changed: false })

/** Reads what flipped since. Takes many turns of the event loop where there is much; what is half read is read again. */
export async function catchUp(
  bits: Bits,
  { tenantId, name, permutation }: { tenantId: string; name: StatusListName; permutation: Permutation },
  store: Pick<StatusListStore, 'flips'>,
): Promise<void> {
  let revision: number | undefined
  let from: FlipPosition | undefined = { revision: bits.revision, index: LIST_LENGTH }
  while (from) {
    const flips = await store.flips(tenantId, name, from)
    // Of the first answer: what flips while the rest is read may be missing from it, and is read the next time.
    revision ??= flips.revision
    await setIndices(bits, flips.indices)
    for (const lease of flips.leases) await setLease(bits, lease, permutation)
    from = flips.rest
  }
  bits.revision = revision ?? bits.revision
}

async function setIndices(bits: Bits, indices: Buffer): Promise<void> {
  for (let at = 0; at < indices.length; at += 4) {
    set(bits, indices.readUInt32BE(at))
    if ((at / 4) % AT_A_TIME === AT_A_TIME - 1) await nextTurn()
  }
}

async function setLease(bits: Bits, [first, size]: readonly [number, number], permutation: Permutation): Promise<void> {
  for (let position = first; position < first + size; position++) set(bits, permutation(position))
  await nextTurn()
}

function set(bits: Bits, index: number): void {
  const bit = 1 << (index & 7)
  const before = bits.bytes[index >>> 3] ?? 0
  if ((before & bit) !== 0) return
  bits.bytes[index >>> 3] = before | bit
  bits.changed = true
}
