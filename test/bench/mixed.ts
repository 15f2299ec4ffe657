import { assertKeys, assertToken } from './endpoints.js'
import { type Answer, basic, type Exchange, FORM, get, post, success } from './http-load.js'
import { assertActive } from './introspect.js'
import { refreshes } from './refresh.js'
import type { Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** Of a hundred requests on a connection, every so many-th revokes the token that was introspected last. */
const REVOKED = 50

/** On each connection in turn: a token, its introspection, a refresh, the keys; and now and then a revocation instead. */
export async function mixed(stage: Stage): Promise<Exchange[]> {
  return (await refreshes(stage)).map((refresh) => turns(stage, refresh))
}

function turns({ server, api, service }: Stage, refresh: Exchange): Exchange {
  let token = ''
  let count = 0
  const form = (path: string, who: { readonly id: string; readonly secret: string }) =>
    post(`${server.url}/oauth2/${path}`, `token=${token}`, { ...FORM, ...basic(who.id, who.secret) })
  const issue: Exchange = {
    request: () => clientCredentials({ server, service }),
    accept(answer) {
      assertToken(answer)
      token = String(success(answer)['access_token'])
    },
  }
  const introspect: Exchange = { request: () => form('introspect', api), accept: assertActive }
  const keys: Exchange = { request: () => get(`${server.url}/jwks`), accept: assertKeys }
  const revoke: Exchange = { request: () => form('revoke', service), accept: assertRevoked }
  const all = [issue, introspect, refresh, keys] as const
  const now = () => (count % REVOKED === REVOKED - 1 ? revoke : (all[(count % REVOKED) % all.length] ?? issue))
  return {
    request: () => now().request(),
    accept(answer) {
      now().accept(answer)
      count += 1
    },
  }
}

function assertRevoked({ status, head }: Answer): void {
  if (status !== 200) throw new Error(`The revocation of a token is answered:\n${head}`)
}
