import { parseClaims } from '../wire/claims.js'
import type { Expectation, Findings } from './findings.js'
import { duration, fields, moment } from './terminal-text.js'

type Payload = Readonly<Record<string, unknown>>

const TIMES = ['iat', 'nbf', 'exp', 'auth_time']
const REQUIRED = ['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'jti', 'rev']
// Seconds that two clocks may differ.
const TOLERANCE = 60

/** Shows the claims of a token, and says which of them an API refuses. RFC 9068 §2.2 and §4. */
export function inspectClaims(payload: Payload, expected: Expectation, { lines, wrong, notes }: Findings): void {
  const shown = Object.entries(payload).map(([name, value]) => [
    name,
    TIMES.includes(name) && typeof value === 'number' ? `${value} (${moment(value, expected.now)})` : value,
  ])
  lines.push(...fields(Object.fromEntries(shown)))
  if (!parseClaims({ ...payload })) {
    const missing = REQUIRED.filter((name) => !Object.hasOwn(payload, name))
    const what = missing.length > 0 ? `lacks ${missing.join(', ')}` : 'has claims of another kind'
    wrong.push(`It ${what}, so it is no access token of this server: look where the client got it.`)
  }
  wrong.push(...addressFindings(payload, expected), ...timeFindings(payload, expected))
  if (payload['cnf'] !== undefined) notes.push('It is bound to a key of the client: with each request comes a proof.')
}

function addressFindings({ iss, aud }: Payload, { issuer, audience }: Expectation): string[] {
  const found: string[] = []
  if (issuer !== undefined && iss !== issuer) {
    found.push(`It is of the issuer ${quoted(iss)} and not of ${quoted(issuer)}: an API compares them byte for byte.`)
  }
  if (audience !== undefined && aud !== audience) {
    found.push(
      `It is for ${quoted(aud)} and not for ${quoted(audience)}: the client must ask for this API by \`resource\` when it gets its token, or the API's audience is not the identifier it is registered with.`,
    )
  }
  return found
}

function timeFindings({ iat, exp, nbf }: Payload, { now, documents }: Expectation): string[] {
  const found: string[] = []
  if (typeof exp === 'number' && now >= exp) {
    found.push(`It expired ${duration(now - exp)} ago: the client must refresh.`)
  }
  const start = Math.max(typeof iat === 'number' ? iat : 0, typeof nbf === 'number' ? nbf : 0)
  if (start > now + TOLERANCE) {
    found.push(`It begins in ${duration(start - now)}: the clock of this machine is slow, or that of the server fast.`)
  }
  const most = typeof documents === 'object' ? documents.maxTokenLifetime : undefined
  if (typeof iat === 'number' && typeof exp === 'number' && most !== undefined && exp - iat > most) {
    found.push(
      `It lives ${duration(exp - iat)}, and the server lets none live longer than ${duration(most)}: who made it has stolen a key. Revoke the key with \`admin key rotate --now --revoke\`.`,
    )
  }
  return found
}

const quoted = (value: unknown) => JSON.stringify(value ?? null)
