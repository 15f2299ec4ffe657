import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type RelyingParty, registerRelyingParty, registerUser, type User } from '../support/registrations.js'
import { answerPages } from '../support/relying-party.js'
import { freePort, installation, startServer, stopServers } from '../support/server.js'

// The strictest client there is, step by step: each answer is judged by the section that it is of, and what it should have noticed it
// notices because our answers say the right thing.

const CALLBACK = 'https://rp.example/cb'
const HTTP = { [oauth.allowInsecureRequests]: true } as const
const NONCE = 'n-0S6_WzA2Mj'
const STATE = 'af0ifjsldkj'
const OTHER_NONCES: readonly { name: string; expectedNonce: string | typeof oauth.expectNoNonce }[] = [
  { name: 'of another sign-in', expectedNonce: 'of another' },
  { name: 'where none was asked for', expectedNonce: oauth.expectNoNonce },
]

let database: TestDatabase
let issuer: URL
let server: oauth.AuthorizationServer
let ann: User
let web: RelyingParty
let client: oauth.Client
let auth: oauth.ClientAuth

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  const env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  ann = await registerUser(env, 'ann@example.com', '--name', 'Ann Example')
  web = await registerRelyingParty(env, CALLBACK, '--first-party')
  issuer = new URL(url)
  server = await discovered('oidc')
  client = { client_id: web.id }
  auth = oauth.ClientSecretPost(String(web.secret))
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

async function discovered(algorithm: 'oidc' | 'oauth2', at = issuer) {
  const response = await oauth.discoveryRequest(at, { algorithm, ...HTTP })
  expect(response.headers.get('content-type')).toBe('application/json')
  return oauth.processDiscoveryResponse(at, response)
}

const verifier = oauth.generateRandomCodeVerifier()

const parameters = async (more: Record<string, string> = {}) =>
  new URLSearchParams({
    client_id: web.id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid profile offline_access',
    prompt: 'consent',
    state: STATE,
    nonce: NONCE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  })

/** What comes back to the client, when a person has signed in. */
async function authorize(asked: URLSearchParams): Promise<URL> {
  const browser = createBrowser(issuer.origin)
  const to = new URL(String(server.authorization_endpoint))
  for (const [name, value] of asked) to.searchParams.append(name, value)
  return (await answerPages(browser, await browser.go(to), ann)).url
}

const redeem = (response: URL) =>
  oauth.authorizationCodeGrantRequest(
    server,
    client,
    auth,
    oauth.validateAuthResponse(server, client, response, STATE),
    CALLBACK,
    verifier,
    HTTP,
  )

/** The whole way, with every check that there is. */
async function signIn(): Promise<oauth.TokenEndpointResponse> {
  const response = await redeem(await authorize(await parameters()))
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: NONCE,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(server, response, HTTP)
  return tokens
}

const refresh = (token: string | undefined) => oauth.refreshTokenGrantRequest(server, client, auth, String(token), HTTP)

const introspect = async (token: string) =>
  oauth.processIntrospectionResponse(
    server,
    client,
    await oauth.introspectionRequest(server, client, auth, token, HTTP),
  )

const userinfo = async (token: string, subject: string) =>
  oauth.processUserInfoResponse(server, client, subject, await oauth.userInfoRequest(server, client, token, HTTP))

describe('metadata', () => {
  it('is the same by both ways of asking', async () => {
    expect(await discovered('oauth2')).toEqual(server)
  })

  it('of one issuer is not taken for that of another', async () => {
    const response = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...HTTP })
    const other = new URL(issuer.href.replace('127.0.0.1', 'localhost'))
    await expect(oauth.processDiscoveryResponse(other, response)).rejects.toThrow(/issuer/)
  })
})

describe('a person', () => {
  it('signs in, is told of, and stays signed in', async () => {
    const tokens = await signIn()
    const claims = oauth.getValidatedIdTokenClaims(tokens)
    expect(claims).toMatchObject({ sub: ann.id, nonce: NONCE, at_hash: expect.any(String) })
    expect(await userinfo(tokens.access_token, ann.id)).toMatchObject({ sub: ann.id, name: 'Ann Example' })

    const response = await refresh(tokens.refresh_token)
    const fresh = await oauth.processRefreshTokenResponse(server, client, response)
    await oauth.validateApplicationLevelSignature(server, response, HTTP)
    expect(fresh.refresh_token).not.toBe(tokens.refresh_token)
    expect(oauth.getValidatedIdTokenClaims(fresh)).toMatchObject({ sub: ann.id, auth_time: claims?.auth_time })
    expect(await userinfo(fresh.access_token, ann.id)).toMatchObject({ sub: ann.id })
  })

  it('signs in by a request that was pushed', async () => {
    const pushed = await oauth.pushedAuthorizationRequest(server, client, auth, await parameters(), HTTP)
    expect(pushed.status).toBe(201)
    const { request_uri } = await oauth.processPushedAuthorizationResponse(server, client, pushed)
    const response = await redeem(await authorize(new URLSearchParams({ client_id: web.id, request_uri })))
    const options = { expectedNonce: NONCE, requireIdToken: true }
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, options)
    expect(oauth.getValidatedIdTokenClaims(tokens)).toMatchObject({ sub: ann.id })
  })

  it('is signed out of what is revoked', async () => {
    const { access_token, refresh_token } = await signIn()
    expect(await introspect(access_token)).toMatchObject({ active: true, client_id: web.id })
    const revoked = await oauth.revocationRequest(server, client, auth, String(refresh_token), HTTP)
    await oauth.processRevocationResponse(revoked)
    expect(await introspect(access_token)).toEqual({ active: false })
    const refused = oauth.processRefreshTokenResponse(server, client, await refresh(refresh_token))
    await expect(refused).rejects.toMatchObject({ name: 'ResponseBodyError', error: 'invalid_grant', status: 400 })
    await expect(userinfo(access_token, ann.id)).rejects.toMatchObject({ name: 'WWWAuthenticateChallengeError' })
  })
})

describe('what is not the client’s', () => {
  it('is noticed in the response to the authorization request: another state, another issuer, or none', async () => {
    const response = await authorize(await parameters())
    const changed = (name: string, value?: string) => {
      const other = new URL(response)
      if (value === undefined) other.searchParams.delete(name)
      else other.searchParams.set(name, value)
      return () => oauth.validateAuthResponse(server, client, other, STATE)
    }
    expect(changed('unknown', 'parameter')).not.toThrow()
    expect(() => oauth.validateAuthResponse(server, client, response, 'of another')).toThrow(/"state"/)
    expect(changed('state')).toThrow(/"state"/)
    expect(changed('iss', 'https://attacker.example')).toThrow(/"iss"/)
    // RFC 9207 §2.4: the metadata says that it is always there.
    expect(changed('iss')).toThrow(/"iss" \(issuer\) missing/)
  })

  it('is noticed in an error, too', async () => {
    const response = await authorize(await parameters({ prompt: 'none' }))
    expect(() => oauth.validateAuthResponse(server, client, response, 'of another')).toThrow(/"state"/)
    expect(() => oauth.validateAuthResponse(server, client, response, STATE)).toThrow(
      expect.objectContaining({ name: 'AuthorizationResponseError', error: 'login_required' }),
    )
  })

  it.each(OTHER_NONCES)('is noticed in the ID token: a nonce $name', async ({ expectedNonce }) => {
    const response = await redeem(await authorize(await parameters()))
    const judged = oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce })
    await expect(judged).rejects.toThrow(/"nonce"/)
  })

  it('is noticed in the ID token: another client', async () => {
    const response = await redeem(await authorize(await parameters()))
    const judged = oauth.processAuthorizationCodeResponse(server, { client_id: 'cl_other' }, response, {
      expectedNonce: NONCE,
    })
    await expect(judged).rejects.toThrow(/"aud"/)
  })

  it('is noticed in userinfo: another person', async () => {
    const { access_token } = await signIn()
    await expect(userinfo(access_token, 'somebody')).rejects.toThrow(/"sub"/)
  })
})
