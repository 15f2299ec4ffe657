const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/
const RANGE = /^(?:\*\/\*|[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)$/
const CODING = /^[!#$%&'*+.^_`|~0-9a-z-]+$/

/** What a caller takes, in lower case, and how much each is wanted, 0 to 1. */
export type Accepted = ReadonlyMap<string, number>

/**
 * Reads an `Accept` header, RFC 9110 §12.5.1; an absent or empty one takes anything. Parameters but `q` are not looked at, and what is
 * malformed stands for nothing.
 */
export const parseAccept = (header: string | undefined): Accepted => parseWeights(header?.trim() || '*/*', RANGE)

/** How much a media type is wanted, by the range that names it best, RFC 9110 §12.5.1; 0: not at all. */
export function quality(accepted: Accepted, type: string): number {
  return accepted.get(type) ?? accepted.get(`${type.split('/', 1)[0]}/*`) ?? accepted.get('*/*') ?? 0
}

/**
 * The first of the codings offered that an `Accept-Encoding` header takes, RFC 9110 §12.5.3. `identity` where it takes none of them, or
 * there is no header: an answer in the clear is better than none.
 */
export function chooseCoding<T extends string>(header: string | undefined, offered: readonly T[]): T | 'identity' {
  const accepted = parseWeights(header ?? '', CODING)
  return offered.find((coding) => (accepted.get(coding) ?? accepted.get('*') ?? 0) > 0) ?? 'identity'
}

/** Names and weights, RFC 9110 §12.4.2; of a name that comes twice the first counts. */
function parseWeights(header: string, isName: RegExp): Accepted {
  const accepted = new Map<string, number>()
  for (const element of header.split(',')) {
    const [name = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1'
    if (isName.test(name) && QUALITY.test(weight) && !accepted.has(name)) accepted.set(name, Number(weight))
  }
  return accepted
}
