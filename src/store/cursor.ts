import { sha256 } from '../crypto/sha256.js'

/** Up to where a reader has read, and when it did so: seconds of the database's clock. */
export type Cursor = { readonly history: Buffer; readonly revision: number; readonly at: number }

const HISTORY = 16
const LENGTH = HISTORY + 8 + 6

/** Names one tenant's list in one history of one database. */
export function historyOf(...parts: readonly string[]): Buffer {
  return sha256(parts.join('\n')).subarray(0, HISTORY)
}

/** Writes a cursor: base64url of history, revision and time. */
export function formatCursor({ history, revision, at }: Cursor): string {
  const bytes = Buffer.alloc(LENGTH)
  bytes.set(history)
  bytes.writeBigUInt64BE(BigInt(revision), HISTORY)
  bytes.writeUIntBE(at, HISTORY + 8, 6)
  return bytes.toString('base64url')
}

/** What `formatCursor` wrote, back; undefined for anything else. */
export function parseCursor(text: string): Cursor | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== LENGTH || bytes.toString('base64url') !== text) return undefined
  const revision = Number(bytes.readBigUInt64BE(HISTORY))
  if (!Number.isSafeInteger(revision)) return undefined
  return { history: bytes.subarray(0, HISTORY), revision, at: bytes.readUIntBE(HISTORY + 8, 6) }
}
