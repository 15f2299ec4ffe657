import { invalidRequest, type OAuthError } from '../oauth/errors.js'
import { type Params, params, repeated } from '../oauth/params.js'
import type { RootRequest } from './handler.js'

/** Names and values in the order they came; a Map, so `__proto__` is a name like any other. */
export type Form = ReadonlyMap<string, readonly string[]>

interface Repetition {
  /** The parameters that may repeat; all others may not. */
  readonly repeatable?: readonly string[]
}

const MAX_PAIRS = 100

/**
 * Parses `application/x-www-form-urlencoded` text, RFC 6749 §B.
 * Throws `invalid_request` for broken percent-encoding or UTF-8, NUL, and more than 100 pairs.
 */
export function parseForm(text: string): Form {
  const form = new Map<string, string[]>()
  if (text === '') return form
  const pairs = text.split('&', MAX_PAIRS + 1)
  if (pairs.length > MAX_PAIRS) throw invalidRequest('There are too many parameters.', 'too_many_parameters')
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1))
    const values = form.get(name)
    if (values) values.push(value)
    else form.set(name, [value])
  }
  return form
}

function decode(text: string): string {
  let decoded = text
  if (text.includes('%') || text.includes('+')) {
    try {
      // Strict: throws for `%`, `%zz`, overlong forms, surrogates and truncated sequences.
      decoded = decodeURIComponent(text.replaceAll('+', ' '))
    } catch {
      throw invalidRequest('A parameter is not encoded correctly.', 'malformed_percent_encoding')
    }
  }
  if (decoded.includes('\0')) throw invalidRequest('A parameter is not encoded correctly.', 'nul_in_parameter')
  return decoded
}

/**
 * The parameters of a form, each at most once unless `repeatable`, RFC 6749 §3.2.
 * `a[]` and `a[0]` are `a` to some parsers: beside another `a` they count as a repetition.
 */
export function singleParams(form: Form, repetition?: Repetition): Params {
  const { params, repetition: refused } = tolerantParams(form, repetition)
  if (refused) throw refused
  return params
}

/**
 * The same, where a repetition is for the caller to report once it knows to whom, RFC 6749 §4.1.2.1. What was repeated can't be read:
 * `get` throws.
 */
export function tolerantParams(
  form: Form,
  { repeatable = [] }: Repetition = {},
): { readonly params: Params; readonly repetition: OAuthError | undefined } {
  const values = new Map<string, readonly string[]>()
  const seen = new Set<string>()
  let repetition: OAuthError | undefined
  for (const [name, all] of form) {
    const bracket = name.indexOf('[')
    const base = bracket > 0 ? name.slice(0, bracket) : name
    if (seen.has(base) || (all.length > 1 && !repeatable.includes(name))) repetition ??= repeated(base)
    seen.add(base)
    const given = all.filter((value) => value !== '')
    if (given.length > 0) values.set(name, given)
  }
  return { params: params(values), repetition }
}

/** The parameters of a posted form. None may come in the URL: it is logged by others, RFC 6749 §2.3.1. */
export function formParams(request: RootRequest, repetition?: Repetition): Params {
  refuseQuery(request)
  return singleParams(parseForm(request.body), repetition)
}

/** The parameters of the URL's query. Node hands over raw bytes beyond ASCII as Latin-1: they are refused. */
export function queryParams(request: RootRequest, repetition?: Repetition): Params {
  return singleParams(parseQuery(request), repetition)
}

/** The URL's query, read as `queryParams` reads it. */
export function parseQuery({ query }: Pick<RootRequest, 'query'>): Form {
  if (/[^\x21-\x7e]/.test(query)) {
    throw invalidRequest('A parameter is not encoded correctly.', 'malformed_query')
  }
  return parseForm(query)
}

/** Throws `invalid_request` when parameters came in the URL of a POST. */
export function refuseQuery(request: RootRequest): void {
  if (request.query !== '') throw invalidRequest('Parameters belong in the body.', 'parameters_in_url')
}
