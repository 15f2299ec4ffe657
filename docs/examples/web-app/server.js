import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as openid from 'openid-client'
import { messagePage, policy, profilePage } from './pages.js'
import { createSessions } from './sessions.js'

const { ISSUER = 'http://localhost:3000', CLIENT_ID, CLIENT_SECRET, HOST = '127.0.0.1', PORT = '3001' } = process.env
/** Where browsers reach this app; never taken from a request, whose Host header anybody may choose. */
const APP_URL = process.env.APP_URL ?? `http://localhost:${PORT}`
if (!CLIENT_ID || !CLIENT_SECRET)
  throw new Error('Set CLIENT_ID and CLIENT_SECRET to what `admin client create` printed.')

const sessions = createSessions({ secure: APP_URL.startsWith('https:') })
const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(ISSUER).hostname)

let discovered
/** What the server says about itself: asked when it is first needed, so that this app starts while the server is away. */
function configuration() {
  discovered ??= openid
    .discovery(new URL(ISSUER), CLIENT_ID, undefined, openid.ClientSecretBasic(CLIENT_SECRET), {
      // The signature of ID tokens is checked, too, and http is for development alone.
      execute: [openid.enableNonRepudiationChecks, ...(isLoopback ? [openid.allowInsecureRequests] : [])],
    })
    .catch((error) => {
      discovered = undefined
      throw error
    })
  return discovered
}

const app = express().disable('x-powered-by')

app.use((_req, res, next) => {
  res.set({
    'Content-Security-Policy': policy(ISSUER),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    // Pages are about one person; neither a proxy nor the back button may show them to another.
    'Cache-Control': 'no-store',
  })
  next()
})

app.get('/', async (req, res) => {
  const session = sessions.find(req)
  if (!session) return res.send(messagePage('Web app', 'Nobody is signed in here.'))
  try {
    res.send(profilePage(await claimsOf(session)))
  } catch (error) {
    if (!hasEnded(error)) throw error
    sessions.end(req, res)
    res.redirect(303, '/')
  }
})

/** Sends the browser to the server, with three values that only this browser brings back. */
app.get('/sign-in', async (_req, res) => {
  const config = await configuration()
  // That the answer is to a question of this browser; that the ID token is of this sign-in; that the code is redeemed by who asked.
  const [state, nonce, verifier] = [openid.randomState(), openid.randomNonce(), openid.randomPKCECodeVerifier()]
  sessions.setCookie(res, 'sign-in', [state, nonce, verifier].join('.'), 600)
  const to = openid.buildAuthorizationUrl(config, {
    redirect_uri: `${APP_URL}/callback`,
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  res.redirect(303, to.href)
})

/** The browser is back, with a code. */
app.get('/callback', async (req, res) => {
  const [state, nonce, verifier] = (sessions.readCookie(req, 'sign-in') ?? '').split('.')
  sessions.setCookie(res, 'sign-in', '', 0)
  if (!verifier || req.query.state !== state) {
    const advice = 'It was begun in another browser or tab, or too long ago, or has been answered before.'
    return res.status(400).send(messagePage('This sign-in is over', advice))
  }
  const tokens = await openid.authorizationCodeGrant(await configuration(), new URL(req.originalUrl, APP_URL), {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  })
  const { sub, sid } = tokens.claims()
  sessions.begin(req, res, { sub, sid, ...held(tokens) })
  res.redirect(303, '/')
})

/** Signs out here, then at the server, which sends the browser back. By POST, so that no link or image of another site does it. */
app.post('/sign-out', async (req, res) => {
  const session = sessions.end(req, res)
  if (!session) return res.redirect(303, '/')
  const to = openid.buildEndSessionUrl(await configuration(), {
    id_token_hint: session.idToken,
    post_logout_redirect_uri: `${APP_URL}/signed-out`,
  })
  res.redirect(303, to.href)
})

app.get('/signed-out', (_req, res) => res.send(messagePage('You are signed out', 'Here, and at the server.')))

/** The server says, past any browser, that a session is over. OpenID Connect Back-Channel Logout §2.5. */
app.post('/backchannel-logout', express.urlencoded({ extended: false, limit: '16kb' }), async (req, res) => {
  const over = await readLogoutToken(String(req.body?.logout_token))
  if (!over) return res.status(400).json({ error: 'invalid_request' })
  // Without a `sid` it is about all sessions of the person.
  sessions.endWhere(({ sid, sub }) => (over.sid === undefined ? sub === over.sub : sid === over.sid))
  res.sendStatus(200)
})

let keys
/** What a logout token says is over; undefined when it is none. Throws when that can't be told now: the server will ask again. */
async function readLogoutToken(token) {
  const { jwks_uri, issuer } = (await configuration()).serverMetadata()
  keys ??= createRemoteJWKSet(new URL(jwks_uri))
  // Of a type of its own, so that no ID token passes for one.
  const rules = { issuer, audience: CLIENT_ID, typ: 'logout+jwt', requiredClaims: ['iat', 'exp', 'jti'] }
  const { payload } = await jwtVerify(token, keys, rules).catch((error) => {
    // That keys can't be fetched is no fault of the token's.
    const isPassing = !error.code?.startsWith('ERR_J') || ['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC'].includes(error.code)
    if (isPassing) throw error
    return { payload: {} }
  })
  const { events, sid, sub } = payload
  const isLogout = events?.['http://schemas.openid.net/event/backchannel-logout'] !== undefined
  return isLogout && !('nonce' in payload) && (sid ?? sub) !== undefined ? { sid, sub } : undefined
}

const held = (tokens) => ({
  accessToken: tokens.access_token,
  // A few seconds early, so that it is still good when it arrives.
  expiresAt: Date.now() + (tokens.expires_in - 10) * 1000,
  ...(tokens.refresh_token && { refreshToken: tokens.refresh_token }),
  ...(tokens.id_token && { idToken: tokens.id_token }),
})

/** What the server says of the person now. Two requests may refresh at once: both get the same successor. */
async function claimsOf(session) {
  const config = await configuration()
  if (Date.now() > session.expiresAt) {
    Object.assign(session, held(await openid.refreshTokenGrant(config, session.refreshToken)))
  }
  return openid.fetchUserInfo(config, session.accessToken, session.sub)
}

/** Whether the server takes the tokens no more: signed out there, revoked, or unused for too long. */
const hasEnded = (error) =>
  error instanceof openid.WWWAuthenticateChallengeError ? error.status === 401 : error.error === 'invalid_grant'

app.use((error, _req, res, _next) => {
  // What went wrong is for the log, not for the page.
  console.error(error.code ?? error.name, error.error ?? '', error.message)
  if (error.error === 'access_denied') {
    return res.status(403).send(messagePage('You are not signed in', 'It was not allowed.'))
  }
  res.status(error.status === 413 ? 413 : 500).send(messagePage('Something went wrong', 'Please try again.'))
})

app.listen(Number(PORT), HOST, (error) => {
  if (error) throw error
  console.log(`Open ${APP_URL}`)
})
