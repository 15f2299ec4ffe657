/**
 * The whole story in the terminal, against a throw-away instance: register, sign in, look into the token, refresh as two tabs
 * would, revoke, and see the revocation as a resource server does. What opens and verifies here is jose, not Bulla.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as jose from 'jose'
import { type Instance, startInstance } from './demo/instance.js'
import { chapter, check, command, refused, say, short, show } from './demo/terminal.js'

const IDENTIFIER = 'https://api.example.com/orders'
const EMAIL = 'ann@example.com'
const PASSWORD = 'correct horse battery staple'

type Tokens = { access_token: string; refresh_token: string; expires_in: number; scope: string }
type Answer = Record<string, unknown> & { status: number }

async function post(url: string, body: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
  const json = headers['content-type'] === 'application/json'
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body: json ? JSON.stringify(body) : new URLSearchParams(body),
  })
  const said = (await answer.json()) as Record<string, unknown>
  return { ...said, status: answer.status }
}

function tokens(answer: Answer): Tokens {
  if (answer.status !== 200) throw new Error(`The server answered ${answer.status}: ${JSON.stringify(answer)}`)
  const { access_token, refresh_token, expires_in, scope } = answer
  return {
    access_token: String(access_token),
    refresh_token: String(refresh_token),
    expires_in: Number(expires_in),
    scope: String(scope),
  }
}

const basic = (api: Record<string, unknown>) =>
  `Basic ${Buffer.from(`${api['api_id']}:${api['api_secret']}`).toString('base64')}`

function expectThat(truth: boolean, text: string): void {
  if (!truth) throw new Error(`This should be true and is not: ${text}`)
  check(text)
}

async function story({ url, folder, admin }: Instance): Promise<void> {
  chapter('1  An API, a client and a user')
  const pair = await jose.generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  const jwk = { ...(await jose.exportJWK(pair.publicKey)), kid: 'orders-1', use: 'enc', alg: 'ECDH-ES' }
  const jwksFile = join(folder, 'orders.jwks.json')
  writeFileSync(jwksFile, JSON.stringify({ keys: [jwk] }))
  say('The API makes a key pair and keeps the private half. Only it will be able to read its tokens.')
  command(`npm run -s admin -- api create --identifier ${IDENTIFIER} --scope orders:read --jwks orders.jwks.json`)
  const api = await admin(
    'api',
    'create',
    '--identifier',
    IDENTIFIER,
    '--scope',
    'orders:read',
    '--scope',
    'orders:write',
    '--jwks',
    jwksFile,
  )
  command('npm run -s admin -- client create --name Shop --public --first-party --api …')
  const client = await admin('client', 'create', '--name', 'Shop', '--public', '--first-party', '--api', IDENTIFIER)
  command(`npm run -s admin -- user create --email ${EMAIL}`)
  const user = await admin('user', 'create', '--email', EMAIL)
  const password = String(user['password'] ?? PASSWORD)
  check(`api_id ${api['api_id']}, client_id ${client['client_id']}`)

  chapter('2  Ann signs in')
  const clientId = String(client['client_id'])
  const first = tokens(
    await post(
      `${url}/auth/login`,
      { client_id: clientId, username: EMAIL, password, scope: 'orders:read' },
      { 'content-type': 'application/json' },
    ),
  )
  say(`access_token   ${short(first.access_token)}`)
  say(`refresh_token  ${short(first.refresh_token)}`)
  say(`expires_in     ${first.expires_in} s, scope ${first.scope}`)

  chapter('3  The outer layer: what a proxy, a log file or the client can read')
  show(jose.decodeProtectedHeader(first.access_token))
  say('No user, no scope, no audience.')

  chapter('4  The inner layer: what the API reads with its private key')
  const jwks = jose.createRemoteJWKSet(new URL(`${url}/jwks`))
  const open = async (token: string) => {
    const { plaintext } = await jose.compactDecrypt(token, pair.privateKey)
    return jose.jwtVerify(new TextDecoder().decode(plaintext), jwks, {
      issuer: url,
      audience: IDENTIFIER,
      typ: 'at+jwt',
    })
  }
  const { payload, protectedHeader } = await open(first.access_token)
  show(protectedHeader)
  show(payload)
  expectThat(
    payload.sub === user['id'] || typeof payload.sub === 'string',
    'decrypted with the key of the API, verified with the published key of the issuer',
  )

  chapter('5  Two tabs refresh with the same token')
  const refresh = (token: string) =>
    post(`${url}/oauth2/token`, { grant_type: 'refresh_token', client_id: clientId, refresh_token: token })
  const [tab1, tab2] = (await Promise.all([refresh(first.refresh_token), refresh(first.refresh_token)])).map(tokens)
  if (!tab1 || !tab2) throw new Error('There were two tabs.')
  expectThat(
    tab1.refresh_token === tab2.refresh_token,
    'both go on with one and the same successor: nobody is logged out',
  )
  expectThat(tab1.access_token !== tab2.access_token, 'each has an access token of its own')

  chapter('6  The operator revokes, the API sees it')
  const list = async () => {
    const answer = await fetch(`${url}/revocations`, { headers: { authorization: basic(api) } })
    return (await jose.jwtVerify(await answer.text(), jwks, { issuer: url, typ: 'revocations+jwt' })).payload
  }
  const before = await list()
  command(`npm run -s admin -- revoke --user ${EMAIL}`)
  const began = performance.now()
  await admin('revoke', '--user', EMAIL)
  const after = await list()
  const ms = Math.round(performance.now() - began)
  const entries = (after['entries'] ?? []) as { k: string; d: string; r?: number }[]
  const digest = createHash('sha256').update(`sub\n${payload.sub}`).digest('base64url').slice(0, 22)
  const entry = entries.find(({ k, d }) => k === 'sub' && d === digest)
  show(entry)
  expectThat(
    before['cursor'] !== after['cursor'] && entry !== undefined,
    `the signed list names the user by a digest, ${ms} ms after the command began`,
  )
  expectThat(Number(payload['rev']) < Number(entry?.r), 'the token was minted before that revision: the API refuses it')
  const introspected = await post(
    `${url}/oauth2/introspect`,
    { token: tab1.access_token },
    { authorization: basic(api) },
  )
  expectThat(introspected['active'] === false, 'introspection says the same')
  const late = await refresh(tab1.refresh_token)
  expectThat(late.status === 400, `and the refresh token is dead: ${late['error']}`)
  refused('Ann is signed out everywhere.')
}

const began = performance.now()
console.log('Starting a throw-away instance …')
const instance = await startInstance()
try {
  await story(instance)
  console.log(`\nDone in ${((performance.now() - began) / 1000).toFixed(1)} s. \`npm start\` begins your own.`)
} finally {
  await instance.stop()
}
