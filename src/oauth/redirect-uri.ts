// RFC 8252 §7.3: of an address that is this machine's own a native app cannot know the port beforehand.
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::([1-9]\d{0,4}))?((?:[/?].*)?)$/
const MAX_PORT = 65_535

/**
 * The redirect URI that a request means: the one it gives when that is registered, byte for byte, or the only one there is when it
 * gives none; of a loopback address with any port. Undefined: there is nowhere to send anybody. OAuth 2.1 §2.3, RFC 8252 §7.3.
 */
export function matchRedirectUri(registered: readonly string[], asked: string | undefined): string | undefined {
  if (asked === undefined) return registered.length === 1 ? registered[0] : undefined
  if (registered.includes(asked)) return asked
  const portless = withoutPort(asked)
  return portless !== undefined && registered.some((one) => withoutPort(one) === portless) ? asked : undefined
}

/** Whether any program on a person's device could have claimed a redirect URI: it is on loopback, or an app's own scheme. */
export const isClaimable = (redirectUri: string): boolean => !redirectUri.startsWith('https:')

function withoutPort(uri: string): string | undefined {
  const [, host, port, rest] = LOOPBACK.exec(uri) ?? []
  if (host === undefined || Number(port ?? 0) > MAX_PORT) return undefined
  return `${host}${rest}`
}
