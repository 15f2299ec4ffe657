import type { Filled, Sampled } from './filled.js'
import { refreshTokensOf } from './grants.js'
import { type Exchange, FORM, post } from './http-load.js'
import { refreshTokenOf } from './login.js'

/** A refresh token and the client it was given to. It is another after each refresh. */
export type Held = { readonly clientId: string; token: string }

export async function hold(filled: Filled, grants: readonly Sampled[]): Promise<Held[]> {
  const tokens = await refreshTokensOf(grants, filled)
  return grants.map(({ clientId }, n) => ({ clientId, token: tokens[n] ?? '' }))
}

export const refreshOf = (url: string, { clientId, token }: Held): string =>
  post(`${url}/oauth2/token`, `grant_type=refresh_token&client_id=${clientId}&refresh_token=${token}`, FORM)

/** Refreshes whatever comes next. */
export function refreshing(url: string, next: () => Held): Exchange {
  let current: Held | undefined
  return {
    request() {
      current = next()
      return refreshOf(url, current)
    },
    accept(answer) {
      if (current) current.token = refreshTokenOf(answer)
    },
  }
}

/** One after the other, and from the first again. */
export function inTurn<T>(all: readonly T[]): () => T {
  let place = 0
  return () => {
    const found = all[place++ % all.length]
    if (found === undefined) throw new Error('There is nothing to take in turn.')
    return found
  }
}
