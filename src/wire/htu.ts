// What `new URL` would quietly repair is no URL here: too many or too few slashes, backslashes, white space. Nor is user information,
// RFC 9110 §4.2.4.
const ABSOLUTE = /^https?:\/\/[^/?#@]+(?:[/?#]|$)/i
const VISIBLE = /^[\x21-\x5b\x5d-\x7e]+$/
const UNRESERVED = /[A-Za-z0-9\-._~]/

/**
 * Writes the URL of a request in the one form that is compared: without query and fragment, normalized by syntax and by scheme. Undefined
 * for anything that is no http or https URL. RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3.
 */
export function normalizeHtu(url: string): string | undefined {
  if (!ABSOLUTE.test(url) || !VISIBLE.test(url) || !URL.canParse(url)) return undefined
  // Case of scheme and host, default port, dot segments and the empty path are the parser's work.
  const { protocol, host, pathname } = new URL(url)
  if (/%(?![0-9A-Fa-f]{2})/.test(pathname)) return undefined
  return `${protocol}//${host}${pathname.replace(/%[0-9A-Fa-f]{2}/g, normalizeTriplet)}`
}

/** RFC 3986 §6.2.2.1 and §6.2.2.2: upper case, and no triplet for what needs none. */
function normalizeTriplet(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
  return UNRESERVED.test(character) ? character : triplet.toUpperCase()
}
