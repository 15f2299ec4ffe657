import { timingSafeEqual } from 'node:crypto'
import { sha256 } from './sha256.js'

/**
 * Compares two secrets in time that does not depend on where they differ. Hashing first makes both sides equally long,
 * so a difference in length shows no earlier than any other.
 */
export function constantTimeEqual(a: Uint8Array | string, b: Uint8Array | string): boolean {
  return timingSafeEqual(sha256(a), sha256(b))
}
