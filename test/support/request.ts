import type { RootRequest } from '../../src/http/handler.js'
import { OAuthError } from '../../src/oauth/errors.js'

/** A request as a handler sees it, with nothing in it but what is given. */
export const rootRequest = (parts: Partial<RootRequest> = {}): RootRequest => ({
  id: 'request-1',
  method: 'POST',
  path: '/',
  query: '',
  headers: {},
  rawHeaders: [],
  body: '',
  contentType: undefined,
  address: '192.0.2.1',
  ...parts,
})

/** The reason of the OAuthError that a call throws; undefined when it throws none. */
export function reasonOf(act: () => unknown): string | undefined {
  try {
    act()
  } catch (error) {
    if (error instanceof OAuthError) return error.reason
    throw error
  }
  return undefined
}
