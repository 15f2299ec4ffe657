import type { BrowserPorts } from '../browser-ports.js'
import { invalidGrant, invalidRequest, tooManyRequests } from '../errors.js'
import type { Ports } from '../ports.js'
import type { Grant, Tenant } from '../records.js'
import { refreshTarget } from '../resource.js'
import { type GrantRequest, idTokenBeside, isAboutUser, type TokenResponse } from './grant.js'

/** Refresh token grant, RFC 6749 §6. Rotation and reuse detection, RFC 9700 §4.14.2. */
export async function refreshToken(
  { tenant, client, params, by }: GrantRequest,
  ports: Pick<Ports, 'refreshTokens' | 'grants' | 'apis' | 'mint' | 'log'> & Pick<BrowserPorts, 'idTokens'>,
): Promise<TokenResponse> {
  const { refreshTokens, grants, apis, mint, log } = ports
  const presentedToken = params.get('refresh_token')
  if (presentedToken === undefined) throw invalidRequest('refresh_token is required.')
  const presented = await presentedGrant({ tenant, token: presentedToken }, { refreshTokens, grants })
  if (!('grant' in presented)) throw invalidGrant(presented.refused)
  const { grant, generation } = presented

  // Everything that can fail is settled before the generation is spent.
  // RFC 6749 §6: the token is bound to the client it was issued to.
  if (grant.clientId !== client.id) throw invalidGrant('refresh_token_of_other_client')
  if (grant.state !== 'live') throw invalidGrant(`grant_${grant.state}`)
  const ask = { resources: params.getAll('resource'), scope: params.get('scope') }
  const { api, scope } = refreshTarget({ tenant, client, grant }, ask, await apis.list(tenant.id, grant.apis))
  const { expiresAt } = grant
  const token = await mint.prepare({ tenant, api, clientId: client.id, judged: grant, expiresAt })
  if (isAboutUser(grant)) await ports.idTokens.assertReady(tenant, client)

  const outcome = await grants.refresh(grant, { generation, grace: client.grace, place: token.place }, by)
  // Nothing was spent: the same refresh token is good once an access token has expired.
  if (outcome.result === 'crowded') throw tooManyRequests('grant_has_too_many_live_tokens', outcome.retryAfter)
  if (outcome.result !== 'rotated' && outcome.result !== 'replayed') {
    throw invalidGrant(`refresh_token_${outcome.result}`)
  }
  if (generation > grant.generation) {
    const of = { tenant: tenant.id, client: client.id, grant: grant.id }
    log.warn({ ...of, presented: generation, known: grant.generation }, 'the database has lost a refresh')
  }
  // Of the row's session: a grant that outlived its own since it was read speaks of none.
  const now = { ...grant, sessionId: outcome.sessionId }
  const response = await token.accessToken({ scope, subject: grant.userId, grant: now })
  // OpenID Connect Core §12.2: the nonce belongs to the authentication, not to what came later.
  const idToken = { tenant, client, grant: now, nonce: undefined, api, accessToken: response.access_token }
  return {
    ...response,
    // Of the row's generation: whoever retries gets the winner's. It stands for all that was granted, RFC 6749 §6.
    refresh_token: await refreshTokens.issue(grant, outcome.generation),
    ...(await idTokenBeside(idToken, ports)),
  }
}

export type PresentedGrant = { readonly grant: Grant; readonly generation: number }

/**
 * The grant a refresh token stands for, in whatever state, once the token is proved to be ours, RFC 6749 §10.4; or why it is not, for
 * the log. Nothing is spent here, and nothing may be before.
 */
export async function presentedGrant(
  { tenant, token }: { readonly tenant: Tenant; readonly token: string },
  { refreshTokens, grants }: Pick<Ports, 'refreshTokens' | 'grants'>,
): Promise<PresentedGrant | { readonly refused: string }> {
  const parsed = refreshTokens.parse(token)
  if (!parsed) return { refused: 'refresh_token_malformed' }
  const grant = await grants.find(tenant.id, parsed.grantId)
  if (!grant) return { refused: 'refresh_token_unknown' }
  // The row holds half of the key.
  if (!(await refreshTokens.verify(token, grant))) return { refused: 'refresh_token_forged' }
  return { grant, generation: parsed.generation }
}
