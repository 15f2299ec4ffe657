import { randomBytes } from 'node:crypto'

const LIFETIME = 12 * 60 * 60 * 1000

/** Sessions of this app, and its cookies. They live in this process: to have several, or to survive a restart, use your database. */
export function createSessions({ secure }) {
  const sessions = new Map()
  // `__Host-`: no sibling host can plant one. The ports of localhost share their cookies, so the name is this app's own.
  const named = (name) => `${secure ? '__Host-' : ''}web-app-${name}`

  /** `maxAge` in seconds; without, until the browser is closed. */
  function setCookie(res, name, value, maxAge) {
    // HttpOnly: no script reads it. Lax: no other site's form brings it, but who comes back from the sign-in page is known.
    const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', ...(secure ? ['Secure'] : [])]
    if (maxAge !== undefined) attributes.push(`Max-Age=${maxAge}`)
    res.append('Set-Cookie', [`${named(name)}=${value}`, ...attributes].join('; '))
  }

  function readCookie(req, name) {
    const start = `${named(name)}=`
    const found = req.headers.cookie?.split('; ').find((pair) => pair.startsWith(start))
    return found?.slice(start.length)
  }

  function find(req) {
    const session = sessions.get(readCookie(req, 'session'))
    return session?.endsAt > Date.now() ? session : undefined
  }

  /** Ends the session of this browser, and answers with what it was. */
  function end(req, res) {
    const session = find(req)
    sessions.delete(readCookie(req, 'session'))
    setCookie(res, 'session', '', 0)
    return session
  }

  /** Always under a new random id: one that the browser brought may be known to somebody else. */
  function begin(req, res, session) {
    sessions.delete(readCookie(req, 'session'))
    const id = randomBytes(32).toString('base64url')
    sessions.set(id, { ...session, endsAt: Date.now() + LIFETIME })
    setCookie(res, 'session', id)
  }

  /** Ends those that match. */
  function endWhere(matches) {
    for (const [id, session] of sessions) if (matches(session)) sessions.delete(id)
  }

  setInterval(() => endWhere(({ endsAt }) => endsAt <= Date.now()), 60_000).unref()
  return { setCookie, readCookie, find, begin, end, endWhere }
}
