import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { parseRange } from './outbound/address.js'

// The kinds of values that settings have. A message completes a sentence that begins with the setting's name, and never
// repeats a value that may be a secret.

const MOST_WORKERS = 256

type Parsed<T> = { value: T } | { problem: string }

function text<T>(parse: (given: string) => Parsed<T>) {
  return z.string().transform((given, context): T => {
    const parsed = parse(given)
    if ('value' in parsed) return parsed.value
    context.addIssue({ code: 'custom', message: parsed.problem })
    return z.NEVER
  })
}

function url(given: string): URL | undefined {
  return URL.canParse(given) ? new URL(given) : undefined
}

/** A whole number. */
export function integer(min: number, max: number) {
  return text((given) => {
    const value = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN
    return value >= min && value <= max ? { value } : { problem: `must be a whole number from ${min} to ${max}` }
  })
}

/** How many processes serve; `auto` is one a CPU core. */
export const workerCount = text((given) => {
  const value = given === 'auto' ? availableParallelism() : /^\d{1,3}$/.test(given) ? Number(given) : 0
  return value >= 1 && value <= MOST_WORKERS
    ? { value }
    : { problem: `must be a whole number from 1 to ${MOST_WORKERS}, or auto` }
})

export const flag = text((given) => {
  if (!['true', 'false', '1', '0'].includes(given)) return { problem: 'must be true or false' }
  return { value: given === 'true' || given === '1' }
})

/** Whether a URL's host is on this machine alone. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

export const origin = text((given) => {
  const parsed = url(given)
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) {
    return { problem: 'must be an origin, as in https://login.example' }
  }
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    return { problem: 'must be https, unless its host is loopback' }
  }
  if (parsed.origin !== given) {
    return {
      problem: `must be an origin and nothing more, path, query and trailing slash included: write ${parsed.origin}`,
    }
  }
  return { value: given }
})

export const addressOrName = text((given) =>
  /^[A-Za-z0-9.:_-]+$/.test(given)
    ? { value: given }
    : { problem: 'must be a host name or an IP address to listen on' },
)

export const postgresUrl = text((given) =>
  ['postgres:', 'postgresql:'].includes(url(given)?.protocol ?? '')
    ? { value: given }
    : { problem: 'must be postgresql://user:password@host:port/database, special characters in it percent-encoded' },
)

export const base64Key = text<Uint8Array>((given) => {
  const value = Buffer.from(given, 'base64')
  // A key typed by hand, or a placeholder, repeats itself; not one of 2^80 random keys has fewer than 12 different bytes.
  if (/^[\w+/-]{43}=?$/.test(given) && value.length === 32 && new Set(value).size >= 12) return { value }
  return { problem: 'must be 32 random bytes in base64: make them with `openssl rand -base64 32`' }
})

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
// With a letter somewhere: digits and dots alone are a mistyped address.
const HOST_NAME = new RegExp(`^(?=.*[a-z])${LABEL}(?:\\.${LABEL})*$`)

function allowed(entry: string): string | undefined {
  if (!parseRange(entry)) return HOST_NAME.test(entry.replace(/^\./, '')) ? entry : undefined
  if (entry.includes('/')) return entry
  return `${entry}/${entry.includes(':') ? 128 : 32}`
}

/** CIDR ranges and host names (`.name`: all below it), in lower case; a lone address becomes a range. */
export const allowList = text<string[]>((given) => {
  const entries = given.split(',').map((entry) => entry.trim().toLowerCase())
  const wrong = entries.filter((entry) => entry !== '' && !allowed(entry))
  if (wrong.length > 0)
    return { problem: `must list CIDR ranges and host names, parted by commas; not ${wrong.join(', ')}` }
  return { value: entries.flatMap((entry) => allowed(entry) ?? []) }
})
