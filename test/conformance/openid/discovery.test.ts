import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../../support/database.js'
import { admin, freePort, installation, startServer, stopServers } from '../../support/server.js'

// The module of the OpenID Foundation's configuration profile, in our own words, against a running server.

type Document = Readonly<Record<string, unknown>>

// OpenID Connect Discovery §3, RFC 8414 §2, and what the standards of each feature register; ours are documented in docs/decisions.
const STRINGS = /^(issuer|jwks_uri|.*_endpoint)$/
const LISTS = /_supported$|_modes_supported$/
const FLAGS =
  /^(authorization_response_iss_parameter|claims_parameter|request_parameter|request_uri_parameter|(back|front)channel_logout(_session)?|revocation_list_event_stream)_supported$|^require_/
const NUMBERS = /^(jwks_max_age|status_list_ttl|revocation_list_max_staleness|max_access_token_lifetime)$/

let database: TestDatabase
let url: string
beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  const env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  await admin(env, 'tenant', 'create', '--slug', 'acme')
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const get = async (path: string) => {
  const response = await fetch(`${url}${path}`)
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

/** With a Host that is not ours. */
const poisoned = (path: string) =>
  new Promise<string>((resolve, reject) => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher' }
    request(`${url}${path}`, { headers }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(text)
    })
      .on('error', reject)
      .end()
  })

const FORMS = {
  '': ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
  '/t/acme': [
    '/t/acme/.well-known/openid-configuration',
    '/.well-known/openid-configuration/t/acme',
    '/.well-known/oauth-authorization-server/t/acme',
  ],
}

describe.each(Object.entries(FORMS))(
  'oidcc-config, discovery-endpoint-verification, of the issuer at "%s"',
  (base, forms) => {
    const [first = ''] = forms
    const document = async () => JSON.parse((await get(first)).text) as Document

    it('is JSON, and the same bytes in every form of its address', async () => {
      const answers = await Promise.all(forms.map(get))
      for (const answer of answers)
        expect(answer).toMatchObject({ status: 200, type: 'application/json', text: answers[0]?.text })
    })

    it('is made of the issuer, whatever Host says', async () => {
      expect(await poisoned(first)).toBe((await get(first)).text)
      expect((await document())['issuer']).toBe(`${url}${base}`)
    })

    it('has no member of the wrong type, no null and no empty list', async () => {
      for (const [name, value] of Object.entries(await document())) {
        if (FLAGS.test(name)) expect(value, name).toBeTypeOf('boolean')
        else if (NUMBERS.test(name)) expect(value, name).toBeTypeOf('number')
        else if (STRINGS.test(name)) expect(String(value), name).toMatch(new RegExp(`^${url}${base}(?:$|/)`))
        else {
          expect(name).toMatch(LISTS)
          expect(value, name).toEqual(expect.arrayContaining([expect.any(String)]))
          expect(new Set(value as string[]).size, name).toBe((value as string[]).length)
        }
      }
    })

    it('names what OpenID Connect requires', async () => {
      expect(await document()).toMatchObject({
        authorization_endpoint: expect.any(String),
        token_endpoint: expect.any(String),
        userinfo_endpoint: expect.any(String),
        jwks_uri: expect.any(String),
        end_session_endpoint: expect.any(String),
        pushed_authorization_request_endpoint: expect.any(String),
        scopes_supported: expect.arrayContaining(['openid', 'offline_access']),
        response_types_supported: ['code'],
        response_modes_supported: expect.arrayContaining(['query', 'fragment', 'form_post']),
        grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
        subject_types_supported: ['public', 'pairwise'],
        id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        frontchannel_logout_supported: true,
        frontchannel_logout_session_supported: true,
      })
    })

    it('has scopes and languages in their own spelling', async () => {
      const { scopes_supported: scopes, ui_locales_supported: languages } = await document()
      for (const scope of scopes as string[]) expect(scope).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
      for (const tag of languages as string[]) expect(Intl.getCanonicalLocales(tag)).toEqual([tag])
    })

    it('has keys that are public, told apart, and strong', async () => {
      const { jwks_uri } = await document()
      const { keys } = JSON.parse((await get(String(jwks_uri).slice(url.length))).text) as {
        keys: Record<string, string>[]
      }
      expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
      for (const key of keys) {
        expect(key).toMatchObject({ kid: expect.any(String), use: 'sig', alg: expect.any(String) })
        for (const secret of ['d', 'p', 'q', 'k']) expect(key).not.toHaveProperty(secret)
        if (key['kty'] === 'RSA') expect(Buffer.from(key['n'] ?? '', 'base64url').length).toBeGreaterThanOrEqual(256)
      }
      expect(keys.some(({ alg }) => alg === 'RS256')).toBe(true)
    })
  },
)
