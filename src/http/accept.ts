const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/
const RANGE = /^(?:\*\/\*|[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)$/

/** Media ranges in lower case and how much each is wanted, 0 to 1. */
export type Accepted = ReadonlyMap<string, number>

/**
 * Reads an `Accept` header, RFC 9110 §12.5.1; an absent or empty one takes anything. Parameters but `q` are not looked at, and what is
 * malformed stands for nothing.
 */
export function parseAccept(header: string | undefined): Accepted {
  const accepted = new Map<string, number>()
  for (const element of (header?.trim() || '*/*').split(',')) {
    const [range = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1'
    if (RANGE.test(range) && QUALITY.test(weight) && !accepted.has(range)) accepted.set(range, Number(weight))
  }
  return accepted
}

/** How much a media type is wanted, by the range that names it best, RFC 9110 §12.5.1; 0: not at all. */
export function quality(accepted: Accepted, type: string): number {
  return accepted.get(type) ?? accepted.get(`${type.split('/', 1)[0]}/*`) ?? accepted.get('*/*') ?? 0
}
