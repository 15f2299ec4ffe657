/**
 * Decodes unpadded base64url and refuses every second spelling: other alphabets, padding, white space and stray
 * trailing bits. A token must have one spelling only. RFC 7515 §2.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

/** Encodes bytes or UTF-8 text as unpadded base64url. RFC 7515 §2. */
export function encodeBase64url(data: Uint8Array | string): string {
  // Of a Buffer there is no need for another.
  return (Buffer.isBuffer(data) ? data : Buffer.from(data as Uint8Array)).toString('base64url')
}
