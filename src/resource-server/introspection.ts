import { parseJsonObject } from '../crypto/json.js'
import { basicAuthorization } from './basic-authorization.js'
import type { IssuerHttp } from './issuer-http.js'
import type { ApiCredentials } from './options.js'
import { fingerprint } from './remembered-tokens.js'
import type { VerifierEvent } from './verifier-event.js'

/** `unknown`: no answer that says so. */
export type IntrospectionVerdict = 'active' | 'inactive' | 'unknown'

export type IntrospectionPorts = {
  readonly http: IssuerHttp
  readonly log: (event: VerifierEvent) => void
  readonly endpoint: () => string | undefined
}

const TIMEOUT = 3_000
const MOST_BYTES = 65_536
// A server in trouble is not asked by all requests of an API at once.
const MOST_AT_ONCE = 64

/** Asks the authorization server whether a token counts; those who ask about one token at once share the answer. RFC 7662 §2. */
export function createIntrospection(
  credentials: ApiCredentials,
  { http, log, endpoint }: IntrospectionPorts,
): (token: string) => Promise<IntrospectionVerdict> {
  const flights = new Map<string, Promise<IntrospectionVerdict>>()

  async function ask(token: string): Promise<IntrospectionVerdict> {
    const url = endpoint()
    if (!url) return 'unknown'
    try {
      const { status, body } = await http.request(url, {
        headers: { authorization: basicAuthorization(credentials), accept: 'application/json' },
        form: new URLSearchParams({ token, token_type_hint: 'access_token' }),
        maxBytes: MOST_BYTES,
        timeout: TIMEOUT,
      })
      // RFC 7662 §2.2: one of two. Anything else is no answer, and no reason to throw a token away.
      const active = status === 200 ? parseJsonObject(Buffer.from(body))?.['active'] : undefined
      if (typeof active === 'boolean') return active ? 'active' : 'inactive'
      const event = status === 401 ? 'credentials_refused' : 'fetch_failed'
      log({ level: 'error', event, message: `Introspection answered ${status}.` })
    } catch (error) {
      log({ level: 'warn', event: 'fetch_failed', message: error instanceof Error ? error.message : String(error) })
    }
    return 'unknown'
  }

  return (token) => {
    const name = fingerprint(token)
    const flying = flights.get(name)
    if (flying) return flying
    if (flights.size >= MOST_AT_ONCE) return Promise.resolve('unknown')
    const flight = ask(token).finally(() => flights.delete(name))
    flights.set(name, flight)
    return flight
  }
}
