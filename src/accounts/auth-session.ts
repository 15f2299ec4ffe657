import { createEnvelope, type Envelope } from '../crypto/envelope.js'
import type { Tenant } from '../oauth/records.js'

/** Seconds until a sign-in that was begun must be begun again. */
const LIFETIME = 600

type Bearer = { readonly tenant: Pick<Tenant, 'id'>; readonly client: { readonly id: string } }

/**
 * `auth_session` of draft-ietf-oauth-first-party-apps §5.3.1: what is known so far, sealed for the client that began it and for the one
 * purpose, so that nothing is stored for whoever only asks. It proves nothing: every try it continues to is throttled as any other.
 */
export function createAuthSessions<State>(
  { deriveKey }: Pick<Envelope, 'deriveKey'>,
  now: () => number,
  purpose: 'login' | 'challenge',
): AuthSessions<State> {
  // Anybody can have as many sealed as they like: not with the key that private keys lie under, whose nonces are random.
  const sealer = createEnvelope(deriveKey('auth_session'))
  const context = ({ tenant, client }: Bearer) => `auth_session ${purpose} ${tenant.id} ${client.id}`
  return {
    issue(state, bearer) {
      const plain = Buffer.from(JSON.stringify({ state, until: now() + LIFETIME }))
      return sealer.seal(plain, context(bearer)).toString('base64url')
    },
    open(authSession, bearer) {
      try {
        const plain = sealer.open(Buffer.from(authSession, 'base64url'), context(bearer))
        const { state, until }: { state: State; until: number } = JSON.parse(plain.toString())
        return until > now() ? state : undefined
      } catch {
        return undefined
      }
    },
  }
}

export type AuthSessions<State> = {
  issue(state: State, bearer: Bearer): string
  /** Undefined for what was not issued to this client by this tenant, or is older than ten minutes. */
  open(authSession: string, bearer: Bearer): State | undefined
}
