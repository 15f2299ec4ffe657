/**
 * The whole story in the terminal, against a throw-away instance: register, sign in, look into the token, refresh as two tabs
 * would, catch a thief, revoke, and see the revocation as a resource server does. What opens and verifies here is jose, not Bulla.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import * as jose from 'jose'
import { type Instance, startInstance } from './demo/instance.js'
import { chapter, check, command, refused, say, short, show } from './demo/terminal.js'

const API = 'https://api.example.com/orders'
const EMAIL = 'ann@example.com'
/** Seconds a spent refresh token is still answered with its successor: short, so that the thief of this story can come late. */
const GRACE = 2

type Json = Record<string, unknown>
type Answer = { readonly status: number; readonly body: Json }
type Tokens = { readonly access_token: string; readonly refresh_token: string; readonly expires_in: number }
type Opened = { readonly header: object; readonly payload: Json }

async function post(
  url: string,
  body: string | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(url, { method: 'POST', headers, body })
  return { status: answer.status, body: (await answer.json()) as Json }
}

function tokens({ status, body }: Answer): Tokens {
  if (status !== 200) throw new Error(`The server answered ${status}: ${JSON.stringify(body)}`)
  return body as Tokens
}

function expectThat(truth: boolean, text: string): void {
  if (!truth) throw new Error(`This should be true and is not: ${text}`)
  check(text)
}

function expectRefusal({ status, body }: Answer, text: string): void {
  if (status !== 400) throw new Error(`This should be refused and is not: ${text}`)
  refused(`${text}: ${body['error']}`)
}

/** What everybody does in the story: the operator, the browser, the API. */
function cast({ url, folder, admin }: Instance) {
  const jwks = jose.createRemoteJWKSet(new URL(`${url}/jwks`))
  const basic = (api: Json) => ({
    authorization: `Basic ${Buffer.from(`${api['api_id']}:${api['api_secret']}`).toString('base64')}`,
  })
  return {
    /** Runs what it shows. */
    operator(...args: readonly string[]) {
      command(`npm run -s admin -- ${args.join(' ').replaceAll(`${folder}/`, '')}`)
      return admin(args)
    },
    async signIn(clientId: string, password: string) {
      const body = JSON.stringify({ client_id: clientId, username: EMAIL, password, scope: 'orders:read' })
      return tokens(await post(`${url}/auth/login`, body, { 'content-type': 'application/json' }))
    },
    refresh: (clientId: string, token: string) =>
      post(
        `${url}/oauth2/token`,
        new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: token }),
      ),
    introspect: (api: Json, token: string) =>
      post(`${url}/oauth2/introspect`, new URLSearchParams({ token }), basic(api)),
    /** Decrypted with the key of the API, verified with the published keys of the issuer. */
    async open(token: string, key: jose.CryptoKey): Promise<Opened> {
      const { plaintext } = await jose.compactDecrypt(token, key)
      const rules = { issuer: url, audience: API, typ: 'at+jwt' }
      const { payload, protectedHeader } = await jose.jwtVerify(new TextDecoder().decode(plaintext), jwks, rules)
      return { header: protectedHeader, payload }
    },
    async revocations(api: Json) {
      const answer = await fetch(`${url}/revocations`, { headers: basic(api) })
      const { payload } = await jose.jwtVerify(await answer.text(), jwks, { issuer: url, typ: 'revocations+jwt' })
      return payload['entries'] as { readonly k: string; readonly d: string; readonly r?: number }[]
    },
  }
}

async function story(instance: Instance): Promise<void> {
  const { operator, signIn, refresh, introspect, open, revocations } = cast(instance)

  chapter('1  The operator registers an API, a client and a user')
  const pair = await jose.generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  const jwk = { ...(await jose.exportJWK(pair.publicKey)), kid: 'orders-1', use: 'enc' }
  const file = join(instance.folder, 'orders.jwks.json')
  writeFileSync(file, JSON.stringify({ keys: [jwk] }))
  say('The API has made a key pair, and keeps the private half to itself.')
  const api = await operator('api', 'create', '--identifier', API, '--scope', 'orders:read', '--jwks', file)
  const shop = ['--name', 'Shop', '--public', '--first-party', '--api', API, '--grace', String(GRACE)]
  const clientId = String((await operator('client', 'create', ...shop))['client_id'])
  const user = await operator('user', 'create', '--email', EMAIL)
  const password = String(user['password'])

  chapter('2  Ann signs in')
  const first = await signIn(clientId, password)
  say(`access_token   ${short(first.access_token)}   for ${first.expires_in} seconds`)
  say(`refresh_token  ${short(first.refresh_token)}`)

  chapter('3  The outer layer of the access token: all that a proxy, a log or the client can read')
  show(jose.decodeProtectedHeader(first.access_token), {
    alg: 'how it is sealed for the API',
    kid: 'which key of the API it is sealed for',
    apu: 'what the server itself opens it by',
  })
  say('No user, no scope, no audience.')

  chapter('4  The inner layer: what the API reads with its private key')
  const { header, payload } = await open(first.access_token, pair.privateKey)
  show(header)
  show(payload, {
    aud: 'for this API and no other',
    rev: 'older than a revocation, or not',
    grant: 'this one sign-in',
  })
  expectThat(payload['sub'] === user['user_id'], 'decrypted and verified by jose: Ann, who may read orders')

  chapter('5  Two tabs refresh with one token at the same moment')
  const both = await Promise.all([refresh(clientId, first.refresh_token), refresh(clientId, first.refresh_token)])
  const [one, two] = both.map(tokens)
  if (!one || !two) throw new Error('There were two tabs.')
  expectThat(
    one.refresh_token === two.refresh_token,
    'both go on with one and the same successor: nobody is logged out',
  )
  expectThat(one.access_token !== two.access_token, 'each has an access token of its own')

  chapter('6  A thief comes late with a copy of the spent token')
  await wait(GRACE * 1000 + 100)
  expectRefusal(await refresh(clientId, first.refresh_token), 'the copy is refused')
  expectRefusal(await refresh(clientId, one.refresh_token), 'and what came of it has ended, whoever holds it')
  const { body: told } = await introspect(api, one.access_token)
  expectThat(told['active'] === false, 'the access tokens too, though they have not expired')

  chapter('7  Ann signs in again, and the operator revokes')
  const again = await signIn(clientId, password)
  const { payload: claims } = await open(again.access_token, pair.privateKey)
  const live = await introspect(api, again.access_token)
  expectThat(live.body['active'] === true, 'her new token counts')
  await operator('revoke', '--user', EMAIL)
  const digest = createHash('sha256').update(`sub\n${claims['sub']}`).digest('base64url').slice(0, 22)
  const entry = (await revocations(api)).find(({ k, d }) => k === 'sub' && d === digest)
  if (!entry) throw new Error('The list lacks the user.')
  say('The API asks for the signed list of revocations, and finds the digest of the sub it knows:')
  show(entry, { r: 'ends every token whose rev is less' })
  expectThat(Number(claims['rev']) < Number(entry.r), 'the token is refused by the API, without a call per request')
  const dead = await introspect(api, again.access_token)
  expectThat(dead.body['active'] === false, 'introspection says the same')
  expectRefusal(await refresh(clientId, again.refresh_token), 'and the refresh token has ended')
}

const began = performance.now()
console.log('Starting a throw-away instance …')
const instance = await startInstance()
try {
  await story(instance)
  console.log(`\nDone in ${((performance.now() - began) / 1000).toFixed(1)} s. \`npm start\` begins your own.`)
} catch (error) {
  // Whoever interrupts a story knows why it ends.
  if (!instance.isInterrupted()) throw error
} finally {
  await instance.stop()
}
