import { domainToASCII } from 'node:url'

// RFC 5321 §4.5.3.1.3, less the angle brackets.
const MAX_BYTES = 254

/**
 * The one form of an e-mail address under which its account is found: NFKC, case folded, the domain in ASCII (RFC 5890 §2.3.2.1).
 * Whatever a person types for the same address is the same account and the same throttle bucket.
 *
 * Undefined for what is no address: no or several `@`, an empty part, white space or characters nobody sees, over 254 bytes.
 */
export function normalizeUsername(text: string): string | undefined {
  if (Buffer.byteLength(text) > 4 * MAX_BYTES) return undefined
  // Down, up and down: what has several lower cases (ß and ss, σ and ς) or upper ones (ẞ) ends as one.
  // Folding can leave NFKC, hence twice.
  const folded = text.normalize('NFKC').trim().toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')
  if (/[\p{C}\p{Z}\p{DI}]/u.test(folded)) return undefined
  const [local, domain, ...more] = folded.split('@')
  // Checked before it is parsed: a URL parser would cut off a path or a port.
  if (!local || !domain || more.length > 0 || !/^[\p{L}\p{M}\p{N}.-]+$/u.test(domain)) return undefined
  const ascii = domainToASCII(domain)
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(ascii)) return undefined
  const username = `${local}@${ascii}`
  return Buffer.byteLength(username) <= MAX_BYTES ? username : undefined
}
