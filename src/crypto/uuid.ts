/** The 16 bytes of a UUID's text, RFC 9562 §4. The text must be one. */
export const uuidToBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex')

/** The text of 16 bytes, RFC 9562 §4. */
export function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A UUID as it stands in a token: 22 characters. */
export const uuidToBase64url = (uuid: string): string => uuidToBytes(uuid).toString('base64url')

/** What `uuidToBase64url` made, back; undefined for text of another length or spelling. */
export function base64urlToUuid(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length === 16 && bytes.toString('base64url') === text ? bytesToUuid(bytes) : undefined
}
