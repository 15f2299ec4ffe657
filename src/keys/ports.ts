import type { PublicSigningJwk } from '../crypto/jwk.js'
import type { Actor } from '../oauth/records.js'
import type { Purpose } from './purpose.js'

/** One active key and at most one next key at a time serve a purpose with an algorithm. */
export type KeyGroup = { readonly purpose: Purpose; readonly algorithm: string }

/** A key without its secret: what the schedule decides by. */
export type KeyState = KeyGroup & {
  readonly id: string
  /** Its id inside tokens: 0-255 of a MAC key, a uint32 of a KEK. */
  readonly number: number | undefined
  readonly status: 'next' | 'active' | 'retired'
  readonly createdAt: Date
  /** When a next key becomes active. */
  readonly activatesAt: Date
  readonly activatedAt: Date | undefined
  readonly retiredAt: Date | undefined
  readonly revokedAt: Date | undefined
  /** When nothing a retired key made can be live. */
  readonly expiresAt: Date | undefined
}

/** As stored: its private or secret part under the master key. */
export type StoredKey = KeyState & { readonly sealed: Uint8Array; readonly masterKeyId: string }

export type NewKey = KeyGroup & {
  readonly id: string
  readonly number: number | undefined
  readonly publicJwk: PublicSigningJwk | undefined
  readonly sealed: Uint8Array
  readonly masterKeyId: string
}

/** A tenant's keys and what their schedule depends on, in one SELECT. `now` is the database's clock. */
export type TenantSchedule = {
  readonly tenantId: string
  readonly now: Date
  /** Seconds; no access token of the tenant lives longer. */
  readonly maxTokenLifetime: number
  readonly deletedAt: Date | undefined
  /** Signing algorithms its live APIs ask for. */
  readonly signingAlgorithms: readonly string[]
  /** And those they ask for in introspection responses. */
  readonly introspectionAlgorithms: readonly string[]
  /** Those its live clients ask for in ID tokens and userinfo. */
  readonly idTokenAlgorithms: readonly string[]
  readonly keys: readonly KeyState[]
}

/** Each change is one statement, guarded by the database's clock and indexes, and audited with it. Durations are seconds. */
export type KeyStore = {
  /** All keys of a tenant, with their secrets. */
  load(tenantId: string): Promise<readonly StoredKey[]>
  schedule(tenantId: string): Promise<TenantSchedule | undefined>
  /** The next tenants in the order of their ids, deleted ones too; empty after the last. */
  schedules(after: string | undefined): Promise<readonly TenantSchedule[]>
  create(
    tenantId: string,
    key: NewKey & ({ status: 'active' } | { status: 'next'; lead: number }),
    by: Actor,
  ): Promise<'created' | 'superseded'>
  /** The active key of the group retires and is kept for `keep`. */
  activate(
    tenantId: string,
    change: { id: string; atOnce: boolean; keep: number },
    by: Actor,
  ): Promise<'activated' | 'not_due'>
  /** A next key becomes due `lead` after it was made; undefined: it is due no later already. */
  hasten(tenantId: string, change: { id: string; lead: number }, by: Actor): Promise<Date | undefined>
  /** The new signing key is active and all others of its group are revoked, with one step; answers their ids. */
  replace(
    tenantId: string,
    change: { key: NewKey; keep: number; reason: string },
    by: Actor,
  ): Promise<readonly string[]>
  /** `keep` is for a key without a time of its own; `slack` is how long another process may have used it after it retired. */
  destroy(
    tenantId: string,
    change: { id: string; keep: number; slack: number },
    by: Actor,
  ): Promise<'destroyed' | 'needed'>
  /** One key under each master key in use. */
  samples(): Promise<readonly (StoredKey & { readonly tenantId: string })[]>
}
