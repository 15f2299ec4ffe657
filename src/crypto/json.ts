import { isUtf8 } from 'node:buffer'

/**
 * Parses UTF-8 bytes as one JSON object; undefined for anything else. Of a repeated member the last counts, and
 * `__proto__` is a member like any other. RFC 8259 §4.
 */
export function parseJsonObject(bytes: Buffer): Record<string, unknown> | undefined {
  if (!isUtf8(bytes)) return undefined
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Tells a JSON object from the other JSON values. RFC 8259 §3. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
