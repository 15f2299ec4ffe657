import type { IssuerAnswer } from './issuer-http.js'

// As many as the server notes, and as long.
const MAX_KEYS = 32
const MAX_KEY_LENGTH = 64

/** Where the list is asked for, with the names of the keys that are held, so that the operator sees before a rotation who lacks one. */
export function feedAddress(endpoint: string, kids: readonly string[], since?: string): string {
  const url = new URL(endpoint)
  for (const kid of kids.filter(({ length }) => length <= MAX_KEY_LENGTH).slice(0, MAX_KEYS)) {
    url.searchParams.append('kid', kid)
  }
  if (since !== undefined) url.searchParams.set('since', since)
  return url.href
}

const MOST_PATIENCE = 30

/** Seconds that an answer asks to wait, within reason; undefined when it doesn't. Only as a number: a date is of another clock. RFC 9110 §10.2.3. */
export function retryAfter({ status, headers }: Pick<IssuerAnswer, 'status' | 'headers'>): number | undefined {
  if (status !== 503 && status !== 429) return undefined
  const value = headers.get('retry-after') ?? ''
  return /^\d{1,9}$/.test(value) ? Math.min(MOST_PATIENCE, Number(value)) : undefined
}
