/**
 * What status lists and the feed need of the world. Slots are hours since 1970, revisions microseconds; a method of a store is one
 * atomic step.
 */

/** Whose tokens a lease is for: what a wide revocation can name. */
export type LeaseOwner = { readonly clientId: string; readonly apiId: string; readonly kid: string }

/** A range of positions in one list, this process's alone. */
export type Lease = {
  readonly listId: string
  readonly list: number
  readonly first: number
  readonly size: number
  /** The tenant's wide revision the lease was taken after. */
  readonly wide: number
}

export type Leases = {
  /** Of `size` positions, or fewer at the end of a list. A wide revocation either is in `wide` or flips the lease. */
  take(tenantId: string, slot: number, about: LeaseOwner & { size: number }): Promise<Lease>
  /** Was any of these revoked after one revision and up to another? Kinds and values as in the list's entries. */
  wasRevoked(
    tenantId: string,
    values: Readonly<Record<'client' | 'aud' | 'kid' | 'tenant', string>>,
    between: { after: number; upTo: number },
  ): Promise<boolean>
}

export type StatusListName = { readonly slot: number; readonly list: number }

/** What flipped in a list: single indices as big-endian 32-bit numbers, and leases by their positions. */
export type Flips = {
  readonly indices: Buffer
  readonly leases: readonly (readonly [first: number, size: number])[]
  /** Everything up to here is told, once `rest` is read. */
  readonly revision: number
  /** Where to go on when there was more than fits one answer. */
  readonly rest: FlipPosition | undefined
}

export type FlipPosition = { readonly revision: number; readonly index: number }

export type StatusListStore = {
  /** Undefined: there is none of this id, or it is retired. */
  find(tenantId: string, listId: string): Promise<StatusListName | undefined>
  /** Ids of the lists in use, the oldest first. */
  list(tenantId: string): Promise<readonly string[]>
  /** What flipped after a revision. */
  flips(tenantId: string, name: StatusListName, after: FlipPosition): Promise<Flips>
}

/** What one successful poll of Postgres found of a tenant. */
export type Poll = {
  /** When it began, by `performance.now()`: what was committed before is in it. */
  readonly startedAt: number
  readonly revision: number
  /** Moves with every administrative change. */
  readonly configRevision: number
}

/**
 * Has a tenant polled for, whoever else uses it, and tells of every poll that succeeds; `gone` when there is no such tenant. Of
 * a poll that fails nothing is said. Returns how to stop.
 */
export type Watch = (tenantId: string, listener: (found: Poll | 'gone') => void) => () => void

/** One reader's end of a stream. */
export type Sink = {
  /** False when the bytes wait to be sent. Nothing happens once the stream is over. */
  write(bytes: Uint8Array): boolean
  /** Bytes that wait. */
  buffered(): number
  /** Calls once when nothing waits, at once where nothing does. */
  onDrain(listener: () => void): void
  /** Ends the stream after what waits. */
  end(): void
  /** Ends it now. */
  destroy(): void
  /** Aborts when the stream is over, whoever ended it. */
  readonly signal: AbortSignal
}
