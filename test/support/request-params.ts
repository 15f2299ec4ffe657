import { OAuthError } from '../../src/oauth/errors.js'
import { type Params, params } from '../../src/oauth/params.js'

/** Parameters as a parser hands them over; a list for one that came several times. */
export function requestParams(values: Readonly<Record<string, string | readonly string[]>>): Params {
  return params(new Map(Object.entries(values).map(([name, value]) => [name, [value].flat()])))
}

/** `code: reason` of the OAuthError that a call ends in. */
export async function refusalOf(act: Promise<unknown>): Promise<string> {
  try {
    await act
  } catch (error) {
    if (error instanceof OAuthError) return error.message
    throw error
  }
  return 'nothing was refused'
}
