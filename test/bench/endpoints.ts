import { type Exchange, get, success } from './http-load.js'
import { assertActive, introspection } from './introspect.js'
import { signIns } from './login.js'
import { refreshes } from './refresh.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** What one server is asked, an exchange for each connection to it; a wrong answer throws. */
export const ENDPOINTS: Readonly<Record<string, (stage: Stage) => Promise<Exchange[]>>> = {
  client_credentials: async (stage) => {
    const request = clientCredentials(stage)
    return onEach({ request: () => request, accept: assertToken })
  },
  refresh: refreshes,
  introspection: async (stage) => {
    const requests = await Promise.all(Array.from({ length: CONNECTIONS }, () => introspection(stage)))
    return requests.map((request) => ({ request: () => request, accept: assertActive }))
  },
  JWKS: async (stage) => {
    const request = get(`${stage.server.url}/jwks`)
    return onEach({ request: () => request, accept: assertKeys })
  },
  'sign-in': async (stage) => signIns(stage),
}

const onEach = (exchange: Exchange): Exchange[] => Array<Exchange>(CONNECTIONS).fill(exchange)

export function assertToken(answer: Parameters<Exchange['accept']>[0]): void {
  if (typeof success(answer)['access_token'] !== 'string') throw new Error(`No token:\n${answer.body}`)
}

export function assertKeys(answer: Parameters<Exchange['accept']>[0]): void {
  const { keys } = success(answer)
  if (!Array.isArray(keys) || keys.length === 0) throw new Error(`No keys:\n${answer.body}`)
}
