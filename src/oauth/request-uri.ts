const PREFIX = 'urn:ietf:params:oauth:request_uri:'

/** The `request_uri` of a pushed request, RFC 9126 §2.2. */
export const pushedRequestUri = (id: string): string => `${PREFIX}${id}`

/** The id in the `request_uri` of a pushed request; undefined for one of another kind. RFC 9126 §2.2. */
export function pushedRequestId(requestUri: string): string | undefined {
  return requestUri.startsWith(PREFIX) ? requestUri.slice(PREFIX.length) : undefined
}
