import { integer } from './command.js'
import { UsageError } from './errors.js'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 1000

/** What every listing takes. */
export const PAGE = {
  limit: { value: 'N', help: `At most so many, ${DEFAULT_LIMIT} unless told, ${MAX_LIMIT} at most.` },
  cursor: { value: 'CURSOR', help: 'Goes on where a listing said that there are more.' },
} as const

/** Throws UsageError. */
export function page({ limit, cursor }: { limit?: string | undefined; cursor?: string | undefined }) {
  const number = integer('limit', limit) ?? DEFAULT_LIMIT
  if (number < 1 || number > MAX_LIMIT) throw new UsageError(`--limit must be 1 to ${MAX_LIMIT}.`)
  return { limit: number, after: cursor }
}

/** A cursor that is the id of a row with UUIDs. Throws UsageError. */
export function uuidPage(given: { limit?: string | undefined; cursor?: string | undefined }) {
  const read = page(given)
  if (read.after !== undefined && !UUID.test(read.after)) throw new UsageError('--cursor is not one of a listing.')
  return read
}

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
