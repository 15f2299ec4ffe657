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

/** The same value, which nobody can change any more, nor what is in it: for what several share. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}

/**
 * What makes a JSON text mean different things to different parsers, or cost too much: members of one name, or objects and lists more
 * than so many deep. The text is known to be JSON. RFC 8259 §4, §9.
 */
export function jsonFlaw(text: string, maxDepth: number): 'too_deep' | 'member_repeated' | undefined {
  const open: (Set<string> | undefined)[] = []
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]+|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > maxDepth) return 'too_deep'
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (colon !== undefined) {
      const name: string = JSON.parse(token.slice(0, -colon.length))
      const names = open.at(-1)
      if (names?.has(name)) return 'member_repeated'
      names?.add(name)
    }
  }
  return undefined
}
