import { randomUUID } from 'node:crypto'
import type { BrowserPorts, NewCode, NewSession } from '../../src/oauth/browser-ports.js'
import type { Ports } from '../../src/oauth/ports.js'
import type { Actor } from '../../src/oauth/records.js'
import { createAuthorizationCodes } from '../../src/store/codes.js'
import { createConsents } from '../../src/store/consents.js'
import { createGrants } from '../../src/store/grants.js'
import { createPushedRequests } from '../../src/store/pushed-requests.js'
import { createSessions } from '../../src/store/sessions.js'
import { createSignInStates } from '../../src/store/sign-in-states.js'
import { createUserProfiles } from '../../src/store/user-profiles.js'
import { makeApi, makeWorld, type Stage } from './fixtures.js'
import { newPlace } from './mint.js'

/** A tenant with one of each: what the cases are played with. */
export type Party = {
  readonly tenantId: string
  readonly userId: string
  readonly username: string
  readonly clientId: string
  /** Two. */
  readonly apis: readonly string[]
}

export type AuditedEvent = { readonly type: string; readonly subject: object; readonly detail: object }

/** The ports of the browser flow and what happens to them from outside, over Postgres or in memory. */
export type BrowserBench = {
  readonly ports: Omit<BrowserPorts, 'subjects' | 'idTokens' | 'browserPolicy'> & Pick<Ports, 'grants'>
  readonly ours: Party
  readonly theirs: Party
  /** Seconds go by. */
  pass(seconds: number): Promise<void>
  disable(what: 'user' | 'client' | 'tenant', party: Party): Promise<void>
  disableApi(party: Party, api: string): Promise<void>
  changePassword(party: Party): Promise<void>
  endSession(party: Party, sessionId: string): Promise<void>
  audited(party: Party): Promise<readonly AuditedEvent[]>
}

/** The person at the browser. */
export const person = ({ userId }: Party): Actor => ({ kind: 'user', id: userId, address: '192.0.2.1' })

/** A sign-in at a browser, everything overridable. */
export const newSession = ({ tenantId, userId }: Party, overrides: Partial<NewSession> = {}): NewSession => ({
  tenantId,
  userId,
  credentialVersion: 1,
  authTime: new Date('2026-11-27T08:00:00.123Z'),
  amr: ['pwd'],
  acr: undefined,
  rev: 1_000,
  wide: 0,
  lifetime: 43_200,
  idleLifetime: 7_200,
  userAgent: 'A browser',
  address: '192.0.2.1',
  ...overrides,
})

/** Makes it; throws where that is refused. */
export async function openSession({ ports }: BrowserBench, party: Party, overrides?: Partial<NewSession>) {
  const made = await ports.sessions.make(newSession(party, overrides), person(party))
  if (made.result !== 'made') throw new Error(made.result)
  return made
}

/** What a client is given after a sign-in, everything overridable. */
export const newCode = ({ tenantId, userId, clientId, apis }: Party, overrides: Partial<NewCode> = {}): NewCode => ({
  tenantId,
  userId,
  clientId,
  sessionId: undefined,
  credentialVersion: 1,
  redirectUri: 'https://app.example/callback?a=b',
  codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  scope: ['openid', 'read'],
  apis,
  nonce: 'n-0S6_WzA2Mj',
  claims: { userinfo: { email: { essential: true } }, idToken: {} },
  offline: false,
  authTime: new Date('2026-11-27T08:00:00.123Z'),
  amr: ['pwd', 'otp'],
  acr: 'urn:example:gold',
  ...overrides,
})

/** Issues it and finds it; throws where either is refused. */
export async function presentCode({ ports }: BrowserBench, party: Party, overrides?: Partial<NewCode>) {
  const issued = await ports.codes.issue(newCode(party, overrides))
  if (issued.result !== 'issued') throw new Error(issued.result)
  const presented = await ports.codes.find(party.tenantId, issued.code)
  if (!presented) throw new Error('The code was issued and is not found.')
  return presented
}

/** What a client's redemption says of the grant it is to become. */
export const newTerms = () => ({
  rotate: true,
  lifetime: 30 * 86_400,
  idleLifetime: 7 * 86_400,
  place: newPlace(),
})

/** An id nobody made, of the month given. */
export const unknownId = (month = 683) => {
  const hex = month.toString(16).padStart(4, '0')
  return hex + randomUUID().slice(4)
}

// When what is stored was made, used or will be over, by table.
const CLOCKS = {
  sessions: ['auth_time', 'used_at', 'created_at', 'expires_at'],
  grants: ['refreshed_at', 'created_at', 'expires_at'],
  authorization_codes: ['expires_at', 'redeemed_at'],
  sign_in_states: ['expires_at'],
  pushed_requests: ['expires_at'],
}

/** Two new tenants of a stage. Time goes by in that what is theirs grows old. */
export async function postgresBench({ pool }: Stage): Promise<BrowserBench> {
  const sql = (text: string, ...values: unknown[]) => pool.query(text, values)
  const party = async (): Promise<Party> => {
    const { tenant, user, client, api } = await makeWorld(pool)
    const second = await makeApi(pool, tenant.id)
    return {
      tenantId: tenant.id,
      userId: user.id,
      username: user.username,
      clientId: client.id,
      apis: [second.id, api.id],
    }
  }
  const [ours, theirs] = [await party(), await party()]
  const operator: Actor = { kind: 'operator', id: 'test' }
  const ids = { user: 'userId', client: 'clientId', tenant: 'tenantId' } as const
  return {
    ports: {
      sessions: createSessions({ pool }),
      signInStates: createSignInStates({ pool }),
      pushedRequests: createPushedRequests({ pool }),
      consents: createConsents({ pool }),
      profiles: createUserProfiles({ pool }),
      codes: createAuthorizationCodes({ pool }),
      grants: createGrants({ pool }),
    },
    ours,
    theirs,
    async pass(seconds) {
      for (const [table, columns] of Object.entries(CLOCKS)) {
        const set = columns.map((column) => `${column} = ${column} - make_interval(secs => $1)`)
        await sql(`UPDATE ${table} SET ${set} WHERE tenant_id IN ($2, $3)`, seconds, ours.tenantId, theirs.tenantId)
      }
    },
    async disable(what, one) {
      await sql(`UPDATE ${what}s SET disabled_at = now() WHERE id = $1`, one[ids[what]])
    },
    async disableApi({ tenantId }, api) {
      await sql('UPDATE apis SET disabled_at = now() WHERE tenant_id = $1 AND id = $2', tenantId, api)
    },
    async changePassword({ tenantId, userId }) {
      await sql('SELECT revoke_user($1, $2, $3, $4)', tenantId, userId, operator, 'password_changed')
    },
    async endSession({ tenantId }, sessionId) {
      await sql('SELECT revoke_session($1, $2, $3, $4)', tenantId, sessionId, operator, 'logout')
    },
    async audited({ tenantId }) {
      const { rows } = await sql(
        'SELECT type, subject, detail FROM audit_events WHERE tenant_id = $1 ORDER BY id',
        tenantId,
      )
      return rows
    },
  }
}
