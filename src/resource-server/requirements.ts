import { isScopeToken } from '../wire/challenge.js'
import type { AccessTokenClaims } from '../wire/claims.js'
import type { Requirements, WhenStale } from './options.js'
import type { Refusal } from './verify-error.js'

/** What a route asks, checked and ready to compare. */
export type RouteRequirements = {
  readonly scope: readonly string[]
  readonly acr: readonly string[]
  readonly maxAge: number | undefined
  readonly whenStale: WhenStale | undefined
  readonly introspect: boolean
}

/** For each scope all others that it holds, through any number of steps. */
export type ScopeHierarchy = ReadonlyMap<string, ReadonlySet<string>>

export type RequirementContext = {
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds that two clocks may differ. */
  readonly clockTolerance: number
  readonly hierarchy: ScopeHierarchy
}

const MEMBERS = ['scope', 'acr', 'maxAge', 'whenStale', 'introspect']
const NONE: readonly string[] = []
/** What can be answered when nothing is known in time. */
export const WHEN_STALE: readonly unknown[] = ['unavailable', 'introspect', 'open'] satisfies WhenStale[]

/** Checks what a route asks when it is defined: a mistake here must not wait for a request. Throws TypeError. RFC 6749 §3.3. */
export function defineRequirements(requirements: Requirements = {}): RouteRequirements {
  for (const member of Object.keys(requirements)) {
    const value = requirements[member as keyof Requirements]
    if (!MEMBERS.includes(member)) {
      throw new TypeError(`A route can't require ${quote(member)}; what it can require: ${MEMBERS.join(', ')}.`)
    }
    // Else a constant with a misspelt name would open the route.
    if (value === undefined) throw new TypeError(`${member} is undefined: leave it out, or give it a value.`)
  }
  const { scope, acr, maxAge, whenStale, introspect = false } = requirements
  if (maxAge !== undefined && !(Number.isSafeInteger(maxAge) && maxAge >= 0)) {
    throw new TypeError(`maxAge is ${quote(maxAge)}; give whole seconds, 0 or more.`)
  }
  if (whenStale !== undefined && !WHEN_STALE.includes(whenStale)) {
    throw new TypeError(`whenStale is ${quote(whenStale)}; give one of ${WHEN_STALE.join(', ')}.`)
  }
  if (typeof introspect !== 'boolean') throw new TypeError(`introspect is ${quote(introspect)}; give true or false.`)
  return { scope: wordsOf('scope', scope), acr: wordsOf('acr', acr), maxAge, whenStale, introspect }
}

/** Follows implied scopes to their ends; a circle makes its scopes equal. Throws TypeError. RFC 6749 §3.3. */
export function scopeHierarchy(implied: Readonly<Record<string, readonly string[]>> = {}): ScopeHierarchy {
  const direct = new Map(
    Object.entries(implied).map(([scope, held]) => {
      wordsOf('impliedScopes', [scope])
      return [scope, wordsOf(`impliedScopes[${quote(scope)}]`, held)]
    }),
  )
  return new Map([...direct.keys()].map((scope) => [scope, reachable(scope, direct)]))
}

/**
 * What a token lacks of what a route requires: undefined when nothing. The sign-in is judged first, because its challenge names the
 * scopes too, and one new sign-in can bring both. RFC 9470 §3, RFC 6750 §3.1.
 */
export function unmetRequirement(
  claims: Pick<AccessTokenClaims, 'scope' | 'auth_time' | 'acr'>,
  required: RouteRequirements,
  { now, clockTolerance, hierarchy }: RequirementContext,
): Refusal | undefined {
  const { scope, acr, maxAge } = required
  const signIn = {
    code: 'insufficient_user_authentication',
    ...(maxAge !== undefined && { maxAge }),
    ...(acr.length > 0 && { acrValues: acr }),
  } as const
  if (maxAge !== undefined) {
    const { auth_time: authTime } = claims
    if (authTime === undefined) return { ...signIn, reason: 'no_sign_in_time' }
    if (authTime + maxAge < now - clockTolerance) return { ...signIn, reason: 'sign_in_too_old' }
  }
  if (acr.length > 0 && !acr.includes(claims.acr ?? '')) return { ...signIn, reason: 'wrong_acr' }

  if (scope.length === 0) return undefined
  const granted = (claims.scope ?? '').split(' ')
  const holds = (wanted: string) => granted.some((one) => one === wanted || hierarchy.get(one)?.has(wanted))
  return scope.every(holds) ? undefined : { code: 'insufficient_scope', reason: 'missing_scope' }
}

function reachable(start: string, direct: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>()
  const waiting = [start]
  for (let scope = waiting.pop(); scope !== undefined; scope = waiting.pop()) {
    for (const held of direct.get(scope) ?? []) {
      if (found.has(held)) continue
      found.add(held)
      waiting.push(held)
    }
  }
  return found
}

// A route asks the same with every request: it is taken apart once. Bounded, should somebody make up scopes as they go.
const taken = new Map<string, readonly string[]>()
const MOST_TAKEN = 1_000

function wordsOf(name: string, value: unknown): readonly string[] {
  if (value === undefined) return NONE
  if (typeof value !== 'string') return checkedWords(name, Array.isArray(value) ? value : [value])
  const known = taken.get(value)
  if (known) return known
  const words = checkedWords(name, value.split(' '))
  if (taken.size >= MOST_TAKEN) taken.clear()
  taken.set(value, words)
  return words
}

function checkedWords(name: string, words: readonly unknown[]): readonly string[] {
  if (words.length === 0) throw new TypeError(`${name} is an empty list: leave it out, or name at least one.`)
  for (const word of words) {
    if (isScopeToken(word)) continue
    throw new TypeError(
      `${name} holds ${quote(word)}; give printable ASCII without quotes and backslashes, one space between two.`,
    )
  }
  return Object.freeze([...new Set(words as readonly string[])])
}

const quote = (value: unknown) => (typeof value === 'string' ? JSON.stringify(value) : String(value))
