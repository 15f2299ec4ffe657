import { randomBytes, randomUUID } from 'node:crypto'
import { randomToken } from '../../src/crypto/secrets.js'
import { uuidToBytes } from '../../src/crypto/uuid.js'
import type { BrowserPorts, NewCode, PresentedCode } from '../../src/oauth/browser-ports.js'
import type { BrowserSession, UserProfile } from '../../src/oauth/records.js'
import type { AuditedEvent } from './browser-bench.js'
import type { World } from './ports.js'

type StoredUser = { profile: UserProfile; credentialVersion: number }
type StoredSession = Omit<BrowserSession, 'user'> & {
  userId: string
  token: string
  usedAt: number
  idle: number
  ended: boolean
}
type StoredCode = NewCode & { expiresAt: number; grantId: string | undefined }
type StoredState = { json: string; version: number; clientId: string | undefined; browser: string; expiresAt: number }
type StoredRequest = { json: string; clientId: string; expiresAt: number; used: boolean }

const key = (...parts: string[]) => parts.join(' ')
const MOST_BYTES = 32_768

/** What a browser takes part in, in memory, over a world of `createWorld`: the outcomes of the real ones, as the shared cases show. */
export function createBrowserWorld(world: World) {
  const users = new Map<string, StoredUser>()
  const sessions = new Map<string, StoredSession>()
  const codes = new Map<string, StoredCode>()
  const states = new Map<string, StoredState>()
  const pushed = new Map<string, StoredRequest>()
  const consents = new Map<string, Map<string, string[]>>()
  const events: (AuditedEvent & { readonly tenantId: string })[] = []

  const now = world.now
  const at = (seconds: number) => new Date(seconds * 1000)
  const audit = (tenantId: string, type: string, { detail = {}, ...subject }: Record<string, unknown>) => {
    const known = Object.entries(subject).filter(([, value]) => value !== undefined)
    events.push({ tenantId, type, subject: Object.fromEntries(known), detail: detail as object })
  }
  const liveUser = (tenantId: string, id: string, version?: number) => {
    const user = users.get(key(tenantId, id))
    if (!user || world.isUserDisabled(id) || user.credentialVersion !== (version ?? user.credentialVersion))
      return undefined
    return user
  }
  const isTenantLive = (tenantId: string) => world.tenant(tenantId)?.disabled === false
  const clientOf = (tenantId: string, id: string) => world.ports.clients.find(tenantId, id)
  const isOver = (session: StoredSession | undefined) =>
    !session || session.ended || session.expiresAt.getTime() <= now() * 1000
  const liveSession = (tenantId: string, id: string) => {
    const session = sessions.get(key(tenantId, id))
    if (!session || isOver(session) || session.usedAt + session.idle <= now()) return undefined
    return isTenantLive(tenantId) && liveUser(tenantId, session.userId) ? session : undefined
  }
  const tokenOf = (id: string) => Buffer.concat([uuidToBytes(id), randomBytes(32)]).toString('base64url')
  const stateOf = async (code: StoredCode): Promise<PresentedCode['state']> => {
    const { tenantId, sessionId } = code
    if (code.grantId !== undefined) return 'redeemed'
    if (code.expiresAt <= now()) return 'expired'
    if (sessionId !== undefined && isOver(sessions.get(key(tenantId, sessionId)))) return 'session_over'
    if (!liveUser(tenantId, code.userId, code.credentialVersion)) return 'user_disabled'
    if ((await clientOf(tenantId, code.clientId))?.disabled !== false) return 'client_disabled'
    return isTenantLive(tenantId) ? 'live' : 'tenant_disabled'
  }
  const endsAt = ({ tenantId, sessionId, offline }: StoredCode) =>
    offline || sessionId === undefined ? undefined : sessions.get(key(tenantId, sessionId))?.expiresAt
  const jsonOf = (state: object) => {
    const json = JSON.stringify(state)
    if (Buffer.byteLength(json) > MOST_BYTES) throw new RangeError('A sign-in state is too large.')
    return json
  }
  const stateOfBrowser = (tenantId: string, { id, browser }: { id: string; browser: string }) => {
    const state = states.get(key(tenantId, id))
    return state && state.browser === browser && state.expiresAt > now() ? state : undefined
  }
  const unused = (tenantId: string, { id, clientId }: { id: string; clientId: string }) => {
    const request = pushed.get(key(tenantId, id))
    return request && request.clientId === clientId && !request.used ? request : undefined
  }

  const ports: Omit<BrowserPorts, 'subjects' | 'idTokens'> = {
    browserPolicy: { sessionLifetime: 43_200, sessionIdleLifetime: 7_200, requirePushedRequests: false },
    sessions: {
      make: async ({ tenantId, userId, credentialVersion, authTime, amr, acr, lifetime, idleLifetime }) => {
        if (!liveUser(tenantId, userId, credentialVersion) || !isTenantLive(tenantId)) return { result: 'superseded' }
        const id = randomUUID()
        const times = { createdAt: at(now()), expiresAt: at(now() + lifetime), usedAt: now(), idle: idleLifetime }
        const token = tokenOf(id)
        sessions.set(key(tenantId, id), { tenantId, id, userId, token, authTime, amr, acr, ...times, ended: false })
        audit(tenantId, 'sign_in.succeeded', { user: userId, session: id })
        return { result: 'made', id, token }
      },
      renew: async ({ tenantId, id }, { userId, credentialVersion, authTime, amr, acr }) => {
        const session = liveSession(tenantId, id)
        if (session?.userId !== userId || !liveUser(tenantId, userId, credentialVersion))
          return { result: 'superseded' }
        const token = tokenOf(id)
        sessions.set(key(tenantId, id), { ...session, token, authTime, amr, acr, usedAt: now() })
        audit(tenantId, 'sign_in.succeeded', { user: userId, session: id, detail: { renewed: true } })
        return { result: 'renewed', token }
      },
      find: async (tenantId, token) => {
        const known = [...sessions.values()].find((one) => one.tenantId === tenantId && one.token === token)
        const session = known && liveSession(tenantId, known.id)
        const user = session && liveUser(tenantId, session.userId)
        if (!user) return undefined
        if (now() - session.usedAt >= 60) session.usedAt = now()
        const { userId: _, token: __, usedAt: ___, idle: ____, ended: _____, ...found } = session
        const { id, username, name } = user.profile
        return { ...found, user: { id, username, name, credentialVersion: user.credentialVersion } }
      },
    },
    codes: {
      issue: async (issued) => {
        const code = randomToken()
        const stored = { ...issued, expiresAt: now() + 60, grantId: undefined }
        const { tenantId, sessionId, userId } = issued
        const session = sessionId === undefined ? undefined : sessions.get(key(tenantId, sessionId))
        if ((await stateOf(stored)) !== 'live' || (session && session.userId !== userId))
          return { result: 'superseded' }
        codes.set(key(tenantId, code), stored)
        return { result: 'issued', code }
      },
      find: async (tenantId, code) => {
        const stored = codes.get(key(tenantId, code))
        if (!stored) return undefined
        const { credentialVersion: _, expiresAt: __, ...kept } = stored
        const apis = (await world.ports.apis.list(tenantId, kept.apis)).map(({ id }) => id)
        const judged = await world.ports.view.judged(tenantId)
        return { ...kept, ...judged, apis, code, state: await stateOf(stored), endsAt: endsAt(stored) }
      },
      redeem: async ({ tenantId, code, rev, wide, apis }, { rotate, lifetime }) => {
        const stored = codes.get(key(tenantId, code))
        const state = stored && (await stateOf(stored))
        // Somebody else may have been faster while that was asked.
        if (stored?.grantId !== undefined) return { result: 'redeemed', grantId: stored.grantId }
        if (!stored || state !== 'live') return { result: 'superseded' }
        stored.grantId = randomUUID()
        const client = { tenantId, id: stored.clientId, apis: stored.apis }
        const { userId, sessionId, scope, claims, authTime, amr, acr } = stored
        const ends = Math.min(now() + lifetime, Number(endsAt(stored) ?? Infinity) / 1000)
        const { grant } = await world.addGrant(client, {
          ...{ id: stored.grantId, userId, sessionId, scope, claims, authTime, amr, acr, rotate },
          expiresAt: at(ends),
        })
        audit(tenantId, 'grant.made', { user: userId, client: client.id, session: sessionId, grant: grant.id })
        const { rotate: _, spentAt: __, revoked: ___, ...made } = grant
        return { result: 'made', grant: { ...made, apis, state: 'live', rev, wide } }
      },
    },
    signInStates: {
      begin: async (tenantId, { browser, clientId, state, lifetime }) => {
        const id = randomToken(16)
        const json = jsonOf(state)
        states.set(key(tenantId, id), { json, version: 0, clientId, browser, expiresAt: now() + lifetime })
        return id
      },
      find: async (tenantId, asked) => {
        const state = stateOfBrowser(tenantId, asked)
        return state && { state: JSON.parse(state.json), version: state.version, clientId: state.clientId }
      },
      change: async (tenantId, changed) => {
        const json = jsonOf(changed.state)
        const state = stateOfBrowser(tenantId, changed)
        if (state?.version !== changed.version) return 'superseded'
        Object.assign(state, { json, version: state.version + 1 })
        return 'changed'
      },
      end: async (tenantId, ended) => {
        if (!stateOfBrowser(tenantId, ended)) return 'unknown'
        states.delete(key(tenantId, ended.id))
        return 'ended'
      },
    },
    pushedRequests: {
      push: async (tenantId, { clientId, params, lifetime }) => {
        const id = randomToken()
        const json = JSON.stringify(params)
        pushed.set(key(tenantId, id), { json, clientId, expiresAt: now() + lifetime, used: false })
        return id
      },
      find: async (tenantId, asked) => {
        const request = unused(tenantId, asked)
        return request && request.expiresAt > now() ? JSON.parse(request.json) : undefined
      },
      use: async (tenantId, used) => {
        const request = unused(tenantId, used)
        if (!request) return 'unknown'
        request.used = true
        return 'used'
      },
    },
    consents: {
      find: async (tenantId, { userId, clientId }) => new Map(consents.get(key(tenantId, userId, clientId))),
      remember: async (tenantId, { userId, clientId, scopes }) => {
        const known = consents.get(key(tenantId, userId, clientId)) ?? new Map<string, string[]>()
        const given = new Map([...scopes].map(([api, names]) => [api, [...new Set(names)]]))
        for (const [api, names] of given) known.set(api, [...new Set([...(known.get(api) ?? []), ...names])])
        consents.set(key(tenantId, userId, clientId), known)
        const detail = { scopes: Object.fromEntries(given) }
        audit(tenantId, 'consent.given', { user: userId, client: clientId, detail })
      },
    },
    profiles: {
      find: async (tenantId, userId) => liveUser(tenantId, userId)?.profile,
    },
  }

  const endGrants = async (on: (code: StoredCode) => boolean) => {
    for (const { tenantId, grantId } of [...codes.values()].filter(on)) {
      if (grantId === undefined) continue
      await world.ports.revocations.revokeGrant(tenantId, grantId, { reason: 'test', by: { kind: 'system' } })
    }
  }

  return {
    ports,
    /** Somebody who can sign in. */
    addUser(tenantId: string, given: Partial<UserProfile> = {}): UserProfile {
      const id = given.id ?? randomUUID()
      const nothing = { name: undefined, email: undefined, emailVerified: false, claims: {}, updatedAt: at(now()) }
      const profile = { id, username: `${id}@example.com`, ...nothing, ...given }
      users.set(key(tenantId, id), { profile, credentialVersion: 1 })
      return profile
    },
    /** Ends their sessions and grants. */
    async changePassword(tenantId: string, userId: string) {
      const user = users.get(key(tenantId, userId))
      if (user) user.credentialVersion += 1
      for (const session of sessions.values()) session.ended ||= session.userId === userId
      await endGrants((code) => code.userId === userId)
    },
    /** And the grants made in it. */
    async endSession(tenantId: string, id: string) {
      const session = sessions.get(key(tenantId, id))
      if (session) session.ended = true
      await endGrants((code) => code.sessionId === id)
    },
    /** The audit trail of a tenant, the oldest first. */
    audited: (tenantId: string): readonly AuditedEvent[] =>
      events.filter((one) => one.tenantId === tenantId).map(({ type, subject, detail }) => ({ type, subject, detail })),
  }
}
