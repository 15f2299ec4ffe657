import { isJsonObject } from '../crypto/json.js'

/** Where revocations are told, and how old (seconds) what is known may be. */
export type FeedMetadata = { readonly endpoint: string; readonly maxStaleness: number; readonly hasStream: boolean }

/** What an API needs to know of its authorization server, RFC 8414 §2; times are seconds. */
export type IssuerMetadata = {
  readonly jwksUri: string
  /** After it a key that the set no longer has is not trusted where there is no feed to name it. */
  readonly jwksMaxAge: number
  /** No genuine token lives longer. */
  readonly maxTokenLifetime: number
  readonly introspectionEndpoint: string | undefined
  readonly feed: FeedMetadata | undefined
}

const WELL_KNOWN = '/.well-known/oauth-authorization-server'
// What the server has without being told otherwise, and the limits of what can be told.
const JWKS_MAX_AGE = { initial: 300, least: 10, most: 3_600 }
const TOKEN_LIFETIME = { initial: 3_600, least: 1, most: 86_400 }
const STALENESS = { initial: 5, least: 2, most: 60 }

/** Where the metadata of an issuer is: its path comes after the well-known one. RFC 8414 §3.1. */
export function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}${WELL_KNOWN}${pathname === '/' ? '' : pathname}`
}

/**
 * Reads the metadata; a string says, for the log, why it can't be used. The document's `issuer` must be the one it was asked for,
 * byte for byte, and every address at its origin. RFC 8414 §3.3.
 */
export function parseMetadata(document: unknown, issuer: string): IssuerMetadata | string {
  if (!isJsonObject(document)) return 'The metadata is no JSON object.'
  if (document['issuer'] !== issuer) {
    return `The server calls itself ${JSON.stringify(document['issuer'])}: give exactly that as issuer, or ask the right server.`
  }
  const { origin } = new URL(issuer)
  const endpoint = (name: string) => {
    const url = document[name]
    return typeof url === 'string' && URL.canParse(url) && new URL(url).origin === origin ? url : undefined
  }
  const jwksUri = endpoint('jwks_uri')
  if (!jwksUri) return `The metadata has no jwks_uri at ${origin}.`
  const feed = endpoint('revocation_list_endpoint')
  return {
    jwksUri,
    jwksMaxAge: seconds(document['jwks_max_age'], JWKS_MAX_AGE),
    maxTokenLifetime: seconds(document['max_access_token_lifetime'], TOKEN_LIFETIME),
    introspectionEndpoint: endpoint('introspection_endpoint'),
    feed:
      feed === undefined
        ? undefined
        : {
            endpoint: feed,
            maxStaleness: seconds(document['revocation_list_max_staleness'], STALENESS),
            hasStream: document['revocation_list_event_stream_supported'] === true,
          },
  }
}

function seconds(value: unknown, { initial, least, most }: typeof STALENESS): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : initial
}
