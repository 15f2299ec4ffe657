/** What a caller says it is; the secret proves it. */
export type Credentials = { readonly id: string; readonly secret: string | undefined }

// RFC 9110 §11.4: scheme, spaces and nothing else between, one token68. Base64 as RFC 7617 §2 has it, not its URL-safe cousin.
const BASIC = /^basic +([a-z0-9+/]+={0,2})$/i

// RFC 6749 §A.1, §A.2: VSCHAR; bytes that are no UTF-8 decode to none.
const VSCHAR = /^[\x20-\x7e]*$/

/**
 * Reads an `Authorization: Basic` header, both halves form-decoded, RFC 6749 §2.3.1. Undefined for another scheme and for whatever
 * is not spelled exactly so: every client writes one and the same header, and nothing in front of us can read it otherwise.
 */
export function parseBasic(header: string): Credentials | undefined {
  const [, encoded] = BASIC.exec(header) ?? []
  if (encoded === undefined) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return undefined
  const text = bytes.toString()
  const colon = text.indexOf(':')
  if (colon < 1) return undefined
  const id = formDecode(text.slice(0, colon))
  const secret = formDecode(text.slice(colon + 1))
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

function formDecode(text: string): string | undefined {
  try {
    const isEncoded = text.includes('%') || text.includes('+')
    const decoded = isEncoded ? decodeURIComponent(text.replaceAll('+', ' ')) : text
    return VSCHAR.test(decoded) ? decoded : undefined
  } catch {
    return undefined
  }
}
