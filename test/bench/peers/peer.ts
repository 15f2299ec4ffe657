import type { JWK } from 'jose'
import { newPrivateJwk } from '../../support/jwk.js'
import { freePort } from '../../support/server.js'
import { ask, start } from '../children.js'
import { basic } from '../http-load.js'

export const PEER = 'oidc-provider'

/** What tokens a peer makes: `recipient` is the public key of the API that sealed ones are for. */
export type PeerTask =
  | { readonly kind: 'opaque' | 'signed'; readonly grants?: number }
  | { readonly kind: 'X25519' | 'P-256' | 'RSA'; readonly recipient: JWK; readonly grants?: number }

export type Peer = {
  readonly url: string
  readonly pid: number | undefined
  /** The API that its tokens are for. */
  readonly resource: string
  /** The header of its one client. */
  readonly authorization: { readonly authorization: string }
  /** A live one of each grant that it was asked for. */
  readonly refreshTokens: readonly string[]
}

type Started = Pick<Peer, 'resource' | 'refreshTokens'> & {
  readonly client: { readonly id: string; readonly secret: string }
}

/** oidc-provider with its store in memory, in a process of its own. */
export async function startPeer(task: PeerTask): Promise<Peer> {
  const port = await freePort()
  const child = start('./peers/oidc-provider.mjs', { NODE_ENV: 'production' })
  const signingJwk = { ...newPrivateJwk('P-256'), kid: 'signing', use: 'sig', alg: 'ES256' }
  const { client, ...started } = (await ask(child, { grants: 0, ...task, signingJwk, port })) as Started
  return { url: `http://127.0.0.1:${port}`, pid: child.pid, authorization: basic(client.id, client.secret), ...started }
}
