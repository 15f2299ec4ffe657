import { isJsonObject, jsonFlaw } from '../crypto/json.js'
import { invalidRequest } from './errors.js'
import type { ClaimRequest, ClaimsRequest } from './records.js'
import { STANDARD_CLAIMS } from './standard-claims.js'

const MAX_LENGTH = 8192
const MAX_DEPTH = 8

/** What can be asked for by name, OpenID Connect Core §5.5: the standard claims, and those that say who signed in and how. */
const KNOWN: readonly string[] = [...STANDARD_CLAIMS, 'sub', 'auth_time', 'acr', 'amr']

type Requests = ClaimsRequest['userinfo']

/**
 * Reads the `claims` parameter, OpenID Connect Core §5.5; undefined when there is none. Members and claims nobody knows here are
 * ignored, as it asks. Throws `invalid_request` for what is no such request.
 */
export function parseClaimsRequest(text: string | undefined): ClaimsRequest | undefined {
  if (text === undefined) return undefined
  const request = parseObject(text)
  const [userinfo, idToken] = [request['userinfo'], request['id_token']].map(parseRequests)
  return { userinfo: userinfo ?? {}, idToken: idToken ?? {} }
}

/** The one subject that the answer may be about, OpenID Connect Core §5.5.1; undefined: any. */
export function requestedSubject(claims: ClaimsRequest | undefined): string | undefined {
  const { value } = claims?.idToken['sub'] ?? claims?.userinfo['sub'] ?? {}
  return typeof value === 'string' ? value : undefined
}

/**
 * The authentication context classes that are asked for, in the order preferred; `essential`: the answer must be one of them, where any
 * is named. OpenID Connect Core §3.1.2.1, §5.5.1.1.
 */
export function requestedAcr(
  claims: ClaimsRequest | undefined,
  acrValues: readonly string[],
): { readonly values: readonly string[]; readonly essential: boolean } {
  const acr = claims?.idToken['acr']
  if (!acr) return { values: acrValues, essential: false }
  const named = [...(acr.value === undefined ? [] : [acr.value]), ...(acr.values ?? [])]
  const values = named.filter((one) => typeof one === 'string')
  const essential = acr.essential === true
  // Of a claim asked for without a value the other parameter still says which ones would do.
  return values.length > 0 ? { values, essential } : { values: acrValues, essential: false }
}

function parseObject(text: string): Record<string, unknown> {
  if (text.length > MAX_LENGTH) throw malformed('claims_too_long')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('claims_not_json')
  }
  if (!isJsonObject(value)) throw malformed('claims_not_an_object')
  const flaw = jsonFlaw(text, MAX_DEPTH)
  if (flaw) throw malformed(`claims_${flaw}`)
  return value
}

function parseRequests(member: unknown): Requests | undefined {
  if (member === undefined || member === null) return undefined
  if (!isJsonObject(member)) throw malformed('claims_member_not_an_object')
  const known = Object.entries(member).filter(([name]) => KNOWN.includes(name))
  return Object.fromEntries(known.map(([name, request]) => [name, parseRequest(name, request)]))
}

function parseRequest(name: string, request: unknown): ClaimRequest {
  // OpenID Connect Core §5.5.1: null asks for the claim in the default manner.
  if (request === null) return {}
  if (!isJsonObject(request)) throw malformed('claim_request_not_an_object')
  const { essential, value, values } = request
  if (essential !== undefined && typeof essential !== 'boolean') throw malformed('claim_essential_not_a_boolean')
  if (values !== undefined && !Array.isArray(values)) throw malformed('claim_values_not_a_list')
  // OpenID Connect Core §2: a subject is one text, and to ignore another request would be to answer about anybody.
  if (name === 'sub' && !(values === undefined && (value === undefined || typeof value === 'string'))) {
    throw malformed('claim_sub_not_one')
  }
  return {
    ...(essential !== undefined && { essential }),
    ...(value !== undefined && { value }),
    ...(values !== undefined && { values: values as readonly unknown[] }),
  }
}

const malformed = (reason: string) =>
  invalidRequest('claims is not a JSON object as OpenID Connect Core 5.5 has it.', reason)
