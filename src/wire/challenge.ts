/** The two ways to present an access token. RFC 6750 §2.1, RFC 9449 §7.1. */
export type Scheme = 'Bearer' | 'DPoP'

export type Challenge = {
  readonly scheme: Scheme
  readonly realm?: string | undefined
  readonly error?: string | undefined
  readonly description?: string | undefined
  /** All that the operation needs, so that one new authorization is enough. */
  readonly scope?: readonly string[] | undefined
  readonly acrValues?: readonly string[] | undefined
  /** Seconds. */
  readonly maxAge?: number | undefined
  /** Of a DPoP proof. */
  readonly algs?: readonly string[] | undefined
  /** The URL of the RFC 9728 §3 document. */
  readonly resourceMetadata?: string | undefined
}

// RFC 6749 §3.3 and §5.2: printable ASCII without the two characters that a quoted string would have to escape, so that a client which
// looks for `scope="([^"]+)"` reads what one with a parser reads.
const WORD = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const SENTENCE = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/
const QUOTABLE = /^[\t\x20-\x7e]*$/

/** Tells whether a text is one scope, in exact characters. RFC 6749 §3.3. */
export function isScopeToken(value: unknown): value is string {
  return typeof value === 'string' && WORD.test(value)
}

/**
 * The value of one `WWW-Authenticate` header with all challenges, `Bearer` first: there are clients that look no further than the first.
 * Throws TypeError for a character that its parameter can't have. RFC 9110 §11.6.1, RFC 6750 §3.
 */
export function wwwAuthenticate(challenges: readonly Challenge[]): string {
  const bearerFirst = [...challenges].sort((a, b) => Number(a.scheme === 'DPoP') - Number(b.scheme === 'DPoP'))
  return bearerFirst.map(format).join(', ')
}

function format({ scheme, ...parameters }: Challenge): string {
  const { realm, error, description, scope, acrValues, maxAge, algs, resourceMetadata } = parameters
  const written = [
    realm !== undefined && `realm=${quoted(realm)}`,
    error !== undefined && `error="${checked(WORD, error)}"`,
    description !== undefined && `error_description="${checked(SENTENCE, description)}"`,
    scope?.length && `scope="${words(scope)}"`,
    // RFC 9470 §3.
    acrValues?.length && `acr_values="${words(acrValues)}"`,
    maxAge !== undefined && `max_age="${checked(/^\d+$/, String(maxAge))}"`,
    // RFC 9449 §7.1.
    algs?.length && `algs="${words(algs)}"`,
    // RFC 9728 §5.1.
    resourceMetadata !== undefined && `resource_metadata="${checked(WORD, resourceMetadata)}"`,
  ].filter(Boolean)
  return written.length === 0 ? scheme : `${scheme} ${written.join(', ')}`
}

const words = (values: readonly string[]) => values.map((value) => checked(WORD, value)).join(' ')

function checked(allowed: RegExp, value: string): string {
  if (!allowed.test(value)) {
    throw new TypeError(
      `A challenge can't hold ${JSON.stringify(value)}: use printable ASCII without quotes and backslashes.`,
    )
  }
  return value
}

/** RFC 9110 §5.6.4. */
const quoted = (value: string) => `"${checked(QUOTABLE, value).replace(/["\\]/g, '\\$&')}"`
