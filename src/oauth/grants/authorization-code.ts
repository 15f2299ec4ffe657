import type { BrowserPorts, PresentedCode } from '../browser-ports.js'
import { invalidGrant, invalidRequest } from '../errors.js'
import { verifierMatches } from '../pkce.js'
import type { Ports } from '../ports.js'
import { refreshTarget } from '../resource.js'
import { type GrantRequest, idTokenBeside, isAboutUser, type TokenResponse } from './grant.js'

type CodePorts = Pick<Ports, 'apis' | 'mint' | 'refreshTokens' | 'revocations' | 'policy' | 'now'> &
  Pick<BrowserPorts, 'codes' | 'idTokens'>

/** Authorization code grant, RFC 6749 §4.1.3. PKCE, RFC 7636 §4.6. */
export async function authorizationCode(
  { tenant, client, params, by }: GrantRequest,
  ports: CodePorts,
): Promise<TokenResponse> {
  const presented = params.get('code')
  if (presented === undefined) throw invalidRequest('code is required.')
  const code = await ports.codes.find(tenant.id, presented)
  if (!code) throw invalidGrant('code_unknown')

  // Who cannot prove that the code is theirs changes nothing by trying: not even a code that was used. OAuth 2.1 §7.5.2.
  if (code.clientId !== client.id) throw invalidGrant('code_of_other_client')
  const redirectUri = params.get('redirect_uri')
  // OAuth 2.1 §10.2: no longer needed here, and held to what it was where it comes.
  if (redirectUri !== undefined && redirectUri !== code.redirectUri) throw invalidGrant('redirect_uri_differs')
  const verifier = params.get('code_verifier')
  if (verifier === undefined) throw invalidGrant('code_verifier_missing')
  if (!verifierMatches(verifier, code.codeChallenge)) throw invalidGrant('code_verifier_wrong')

  // RFC 6749 §4.1.2: a code that comes twice was stolen, or what it was used for was.
  const replayed = async (grantId: string | undefined) => {
    if (grantId !== undefined) await ports.revocations.revokeGrant(tenant.id, grantId, { reason: 'code_replayed', by })
    return invalidGrant('code_replayed')
  }
  if (code.state === 'redeemed') throw await replayed(code.grantId)
  if (code.state !== 'live') throw invalidGrant(`code_${code.state}`)

  // Everything that can fail is settled before the code is spent.
  const ask = { resources: params.getAll('resource'), scope: undefined }
  const of = { tenant, client, grant: code }
  const { api, scope } = refreshTarget(of, ask, await ports.apis.list(tenant.id, code.apis))
  const lifetime = ports.policy.grantLifetime
  const expiresAt = endOf(code, ports.now() + lifetime)
  const token = await ports.mint.prepare({ tenant, api, clientId: client.id, judged: code, expiresAt })
  if (isAboutUser(code)) await ports.idTokens.assertReady(tenant, client)

  const rotate = client.rotation === 'always'
  const idleLifetime = ports.policy.grantIdleLifetime
  const outcome = await ports.codes.redeem(code, { rotate, lifetime, idleLifetime, place: token.place }, by)
  if (outcome.result === 'redeemed') throw await replayed(outcome.grantId)
  // The user was disabled, or the session ended, since the code was looked at.
  if (outcome.result === 'superseded') throw invalidGrant('code_superseded')

  const { grant } = outcome
  const response = await token.accessToken({ scope, subject: grant.userId, grant })
  const idToken = { tenant, client, grant, nonce: code.nonce, api, accessToken: response.access_token }
  return {
    ...response,
    ...(client.grantTypes.includes('refresh_token') && {
      refresh_token: await ports.refreshTokens.issue(grant, grant.generation),
    }),
    ...(await idTokenBeside(idToken, ports)),
  }
}

/** A grant ends at the latest when the session does that it belongs to. */
function endOf({ endsAt }: PresentedCode, latest: number): Date {
  return new Date(Math.min(latest * 1000, endsAt?.getTime() ?? Number.POSITIVE_INFINITY))
}
