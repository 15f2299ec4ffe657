import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * Compares two secrets in time that does not depend on where they differ. Hashing first makes both sides equally long,
 * so a difference in length shows no earlier than any other.
 */
export function constantTimeEqual(a: Uint8Array | string, b: Uint8Array | string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

function digest(value: Uint8Array | string): Buffer {
  return createHash('sha256').update(value).digest()
}
