import type { KeyGroup, KeyState, TenantSchedule } from './ports.js'
import { isSigningPurpose, type Purpose } from './purpose.js'

/** Seconds that a JWKS may be cached, RFC 9111 §5.2.2.1. */
export const JWKS_MAX_AGE = 300

/**
 * Seconds between publication and first use of a key: whoever cached the JWKS just before, from a process that had not heard of
 * the key yet, has fetched it again. RFC 7517 §5 leaves it to us.
 */
export const PUBLICATION_LEAD = 2 * JWKS_MAX_AGE

/** Seconds that a key is kept beyond its need: clocks, processes that hear late of its retirement, a client's grace. */
export const SKEW = 600

/** Seconds after which nobody accepts a signed list or feed page any more. */
export const LIST_LIFETIME = 3600

/** Seconds an emergency's entry is kept: a verifier's JWKS cache and the longest outage it bridges. */
export const REVOKED_KEY_KEPT = JWKS_MAX_AGE + 86_400

const DAY = 86_400
const HOUR = 3600

/** Seconds; `rotation` is that of signing and MAC keys, `idle` the longest a grant lives unused. */
export type KeyLifetimes = { readonly rotation: number; readonly idle: number }

export type KeyPlan = {
  /** Seconds a key is active; undefined: for ever. */
  readonly rotation: number | undefined
  /** Seconds that the next key stands ready before it is used. */
  readonly lead: number
  /** Seconds that a retired key is kept. */
  readonly keep: number
}

export type KeyStep =
  | (KeyGroup & { readonly do: 'create'; readonly status: 'active' })
  | (KeyGroup & { readonly do: 'create'; readonly status: 'next'; readonly lead: number })
  | { readonly do: 'activate'; readonly id: string; readonly keep: number }
  | { readonly do: 'destroy'; readonly id: string; readonly keep: number }

/** What every tenant has from its creation. Other signing algorithms come with the first API or client that asks. */
export const FIRST_KEYS: readonly KeyGroup[] = [
  { purpose: 'access_token', algorithm: 'ES256' },
  { purpose: 'revocations', algorithm: 'ES256' },
  { purpose: 'status_list', algorithm: 'ES256' },
  // RFC 9701 §6: what signs for an API that asks for nothing else.
  { purpose: 'introspection', algorithm: 'RS256' },
  // OpenID Connect Core §15.1: the algorithm that every client knows.
  { purpose: 'id_token', algorithm: 'RS256' },
  { purpose: 'kek', algorithm: 'A256KW' },
  { purpose: 'mac', algorithm: 'HS256' },
  { purpose: 'permutation', algorithm: 'HS256' },
  { purpose: 'cookie', algorithm: 'HS256' },
  { purpose: 'pairwise', algorithm: 'HS256' },
]

/** How long a key of a purpose serves, stands ready and is kept. */
export function planOf(purpose: Purpose, maxTokenLifetime: number, { rotation, idle }: KeyLifetimes): KeyPlan {
  if (isSigningPurpose(purpose)) {
    const lead = Math.max(PUBLICATION_LEAD, Math.min(DAY, rotation / 2))
    // An ID token that has expired still says at logout who leaves, OpenID Connect RP-Initiated Logout §2.
    const needed = purpose === 'id_token' ? DAY : Math.max(maxTokenLifetime, LIST_LIFETIME)
    return { rotation, lead, keep: needed + SKEW }
  }
  switch (purpose) {
    case 'kek':
      return { rotation: DAY, lead: HOUR, keep: maxTokenLifetime + SKEW }
    case 'mac':
      // At least: the store keeps it longer where a live grant may still show a token made with it.
      return { rotation, lead: HOUR, keep: idle + SKEW }
    case 'permutation':
    case 'cookie':
    case 'pairwise':
      // Another one would make every user of a pairwise client somebody else, OpenID Connect Core §8.1.
      return { rotation: undefined, lead: HOUR, keep: DAY }
  }
}

/** The groups of a tenant that have no active key, or those named, each with the step that gives it one. */
export function missingSteps(
  tenant: TenantSchedule,
  lifetimes: KeyLifetimes,
  groups: readonly KeyGroup[] = groupsOf(tenant),
): readonly KeyStep[] {
  return groups
    .filter((group) => !serving(tenant.keys, group).active)
    .flatMap((group) => stepOf(group, tenant, planOf(group.purpose, tenant.maxTokenLifetime, lifetimes)) ?? [])
}

/** Everything that is due now by the database's clock, in an order that never leaves a group without a key it had. */
export function dueSteps(tenant: TenantSchedule, lifetimes: KeyLifetimes): readonly KeyStep[] {
  const { now, keys, maxTokenLifetime, deletedAt } = tenant
  const plan = (purpose: Purpose) => planOf(purpose, maxTokenLifetime, lifetimes)
  const destroys = keys
    .map(({ id, purpose, retiredAt, expiresAt }) => {
      const { keep } = plan(purpose)
      return { do: 'destroy' as const, id, keep, at: expiresAt ?? after(retiredAt ?? deletedAt, keep) }
    })
    .filter(({ at }) => at !== undefined && at <= now)
    .map(({ at: _, ...step }) => step)
  if (deletedAt) return destroys
  return [...groupsOf(tenant).flatMap((group) => stepOf(group, tenant, plan(group.purpose)) ?? []), ...destroys]
}

function groupsOf(tenant: TenantSchedule): readonly KeyGroup[] {
  const { keys, signingAlgorithms, introspectionAlgorithms, idTokenAlgorithms } = tenant
  const asked = [
    ...signingAlgorithms.map((algorithm): KeyGroup => ({ purpose: 'access_token', algorithm })),
    ...introspectionAlgorithms.map((algorithm): KeyGroup => ({ purpose: 'introspection', algorithm })),
    ...idTokenAlgorithms.map((algorithm): KeyGroup => ({ purpose: 'id_token', algorithm })),
  ]
  const serving = keys.filter(({ status }) => status !== 'retired')
  const byName = [...FIRST_KEYS, ...asked, ...serving].map(({ purpose, algorithm }): [string, KeyGroup] => [
    `${purpose} ${algorithm}`,
    { purpose, algorithm },
  ])
  return [...new Map(byName).values()]
}

function stepOf(group: KeyGroup, { keys, now }: TenantSchedule, plan: KeyPlan): KeyStep | undefined {
  const { active, next } = serving(keys, group)
  if (next) {
    const isDue = !active || next.activatesAt <= now
    return isDue ? { do: 'activate', id: next.id, keep: plan.keep } : undefined
  }
  if (!active) return { do: 'create', status: 'active', ...group }
  const ends = after(active.activatedAt ?? active.createdAt, plan.rotation)
  if (!ends) return undefined
  const left = (ends.getTime() - now.getTime()) / 1000
  if (left > plan.lead) return undefined
  // Late after an outage: it is published for its time all the same.
  return { do: 'create', status: 'next', lead: Math.max(left, PUBLICATION_LEAD), ...group }
}

/** The active and the next key of a group. */
export function serving(keys: readonly KeyState[], { purpose, algorithm }: KeyGroup) {
  const find = (status: KeyState['status']) =>
    keys.find((key) => key.purpose === purpose && key.algorithm === algorithm && key.status === status)
  return { active: find('active'), next: find('next') }
}

const MAC_NUMBERS = 256
const KEK_NUMBERS = 2 ** 31

/**
 * The id that a new MAC key or KEK has inside tokens: the first after the newest key's that no key of the table has.
 * Undefined when the purpose has no numbers; 'none_free' when all are taken.
 */
export function nextNumber(keys: readonly KeyState[], purpose: Purpose): number | undefined | 'none_free' {
  if (purpose !== 'mac' && purpose !== 'kek') return undefined
  const size = purpose === 'mac' ? MAC_NUMBERS : KEK_NUMBERS
  const taken = keys.filter((key) => key.purpose === purpose).sort((a, b) => +a.createdAt - +b.createdAt)
  const numbers = new Set(taken.map(({ number }) => number))
  const newest = taken.at(-1)?.number ?? -1
  for (let step = 1; step <= taken.length + 1 && step <= size; step++) {
    const number = (newest + step) % size
    if (!numbers.has(number)) return number
  }
  return 'none_free'
}

function after(start: Date | undefined, seconds: number | undefined): Date | undefined {
  return start && seconds !== undefined ? new Date(start.getTime() + seconds * 1000) : undefined
}
