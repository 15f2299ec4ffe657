/**
 * The sources a page needs in `form-action` when what it posts may end in a redirect there. Chromium checks every redirect that follows, the
 * client's own too, so of a URL the scheme alone is named: docs/decisions/form-action.md. `http` covers `https`, CSP3 says, and is named for
 * loopback only.
 */
export function formActionTo(redirectUri: string): readonly string[] {
  const scheme = new URL(redirectUri).protocol
  return scheme === 'http:' ? ['http:', 'https:'] : [scheme]
}
