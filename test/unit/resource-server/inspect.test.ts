import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { signJws } from '../../../src/crypto/jws.js'
import { sealOpaque } from '../../../src/wire/seal.js'
import { AUDIENCE, type StubIssuer, stubIssuer } from '../../support/stub-issuer.js'
import { headerOf, withHeader } from '../wire/fixtures.js'
import { commandLine } from './command-line.js'

let server: Server
let issuer: StubIssuer
let files: Record<string, string>
beforeAll(async () => {
  server = createServer((req, res) => {
    issuer.fetch(`${issuer.issuer}${req.url}`).then(
      async (answer) => res.writeHead(answer.status).end(await answer.text()),
      () => res.destroy(),
    )
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  issuer = await stubIssuer({ issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const other = { ...(await stubIssuer()).decryptionKeys[0], kid: 'other' }
  files = {
    'private.jwk.json': JSON.stringify(issuer.decryptionKeys[0]),
    'other.jwk.json': JSON.stringify(other),
    'both.json': JSON.stringify({ keys: [other, issuer.decryptionKeys[0]] }),
    'public.json': JSON.stringify({ ...other, kid: issuer.decryptionKeys[0].kid, d: undefined }),
    'swapped.json': JSON.stringify({ ...other, kid: issuer.decryptionKeys[0].kid }),
    'text.txt': 'a text',
  }
})
afterAll(() => server.close())

const KEY = ['--key', 'private.jwk.json']
const inspect = (
  token: string,
  args: string[] = [...KEY, '--issuer', issuer.issuer, '--audience', AUDIENCE],
  now?: number,
) => commandLine(['inspect', ...args], { input: `${token}\n`, files, ...(now !== undefined && { now }) })

describe('inspect, of a good token', () => {
  it('shows what is outside and inside, and says that nothing is wrong', async () => {
    const { code, stdout, stderr } = await inspect(issuer.token({ sub: 'ann' }))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^A sealed token of \d+ characters\.\n/)
    expect(stdout).toMatch(/Outside, for everybody to read\n {2}alg {2}ECDH-ES\n/)
    expect(stdout).toMatch(/Signed\n(?: {2}.*\n)*? {2}typ {2}at\+jwt\n/)
    expect(stdout).toMatch(/ {2}sub {8}ann\n/)
    expect(stdout).toMatch(/ {2}exp {8}\d+ \(\d{4}-.*Z, in [45] minutes\)\n/)
    expect(stdout).toContain(`${issuer.issuer} has signed it.`)
    expect(stdout).not.toContain('Wrong')
  })

  it('takes it as it comes: from a file, after a scheme, in the answer of the token endpoint, a key among others', async () => {
    const token = issuer.token()
    const given = { files: { ...files, token } }
    expect((await commandLine(['inspect', 'token', ...KEY], given)).code).toBe(0)
    expect((await inspect(`Authorization: Bearer ${token}`)).code).toBe(0)
    expect((await inspect(JSON.stringify({ access_token: token, token_type: 'Bearer' }))).code).toBe(0)
    expect((await inspect(token, ['--key', 'both.json'])).code).toBe(0)
    expect((await inspect(token, ['--key', 'other.jwk.json', ...KEY])).code).toBe(0)
  })

  it('says what it could not look at', async () => {
    const { code, stdout } = await inspect(issuer.token(), [])
    expect(code).toBe(0)
    expect(stdout).toContain('give it with --key')
    expect(stdout).not.toContain('ann')
    expect((await inspect(issuer.token(), KEY)).stdout).toContain(
      'The signature was not checked, so anybody may have made this',
    )
  })

  it('says that one is bound to a key of its client', async () => {
    const { code, stdout } = await inspect(issuer.token({ cnf: { jkt: 'k' } }))
    expect(code).toBe(0)
    expect(stdout).toContain('with each request comes a proof')
  })
})

describe('inspect, of a bad one, says what is wrong and what to do:', () => {
  const now = () => Math.floor(Date.now() / 1000)
  const CASES: { name: string; token: () => string | Promise<string>; args?: string[]; says: RegExp }[] = [
    { name: 'nothing', token: () => '', says: /There is nothing to read/ },
    { name: 'a refresh token', token: () => 'AQEBAQ', says: /is a refresh token, which is for the client alone/ },
    {
      name: 'expired',
      token: () => issuer.token({ iat: now() - 500, exp: now() - 200 }),
      says: /It expired 3 minutes ago: the client must refresh/,
    },
    {
      name: 'of the future',
      token: () => issuer.token({ iat: now() + 600, exp: now() + 900 }),
      says: /It begins in (?:9|10) minutes: the clock/,
    },
    {
      name: 'too long-lived',
      token: () => issuer.token({ exp: now() + 90_000 }),
      says: /It lives 1 day, and the server lets none live longer than 1 hour: .*key rotate --now --revoke/,
    },
    {
      name: 'for another API',
      token: () => issuer.token({ aud: 'https://bills.example' }),
      says: /It is for "https:\/\/bills\.example" and not for "https:\/\/orders\.example": the client must ask/,
    },
    {
      name: 'of another issuer',
      token: () => issuer.token({ iss: 'https://evil.example' }),
      says: /It is of the issuer "https:\/\/evil\.example" and not of/,
    },
    { name: 'no claims', token: () => issuer.token({ jti: undefined, rev: undefined }), says: /It lacks jti, rev/ },
    { name: 'claims of another kind', token: () => issuer.token({ scope: ['a'] }), says: /has claims of another kind/ },
    {
      name: 'not sealed',
      token: () => issuer.sign(),
      says: /It is not sealed, and an API that has decryption keys refuses it/,
    },
    {
      name: 'another key',
      token: () => issuer.token(),
      args: ['--key', 'other.jwk.json'],
      says: /It is sealed for the key orders-1 \(ECDH-ES\), and given is other \(ECDH-ES\): give that key too/,
    },
    {
      name: 'a public key',
      token: () => issuer.token(),
      args: ['--key', 'public.json'],
      says: /public\.json holds no private key for ECDH-ES/,
    },
    {
      name: 'a key of the same name',
      token: () => issuer.token(),
      args: ['--key', 'swapped.json'],
      says: /has the right name and does not open it/,
    },
    {
      name: 'cut off',
      token: () => issuer.token().slice(0, -10),
      says: /does not open it: the token was changed or cut off/,
    },
    { name: 'changed', token: () => issuer.token().replace(/\.[^.]*$/, '.*'), says: /cut off or changed on its way/ },
    { name: 'no header', token: () => 'x.y.z.a.b', says: /cut off or changed on its way/ },
    {
      name: 'compressed',
      token: () => withHeader(issuer.token(), { zip: 'DEF' }),
      says: /Its outside is not as this server makes it/,
    },
    {
      name: 'opaque',
      token: () => sealOpaque(issuer.sign(), { id: 7, key: Buffer.alloc(32) }),
      says: /It is opaque, .* ask that by introspection/,
    },
    {
      name: 'forged',
      token: async () => issuer.token({}, { ...(await generateSigningKey('ES256')), kid: issuer.signing.kid }),
      says: /The signature is not of .*: the token was changed or forged/,
    },
    {
      name: 'signed by a stranger',
      token: async () => issuer.token({}, await generateSigningKey('ES256')),
      says: /It is signed by the key [\w-]{16}, which .* does not publish \(it publishes [\w-]{16}, [\w-]{16}\)/,
    },
    {
      name: 'signed otherwise than its key does',
      token: async () =>
        issuer.seal(
          signJws({ typ: 'at+jwt' }, issuer.claims(), {
            ...(await generateSigningKey('RS256')),
            kid: issuer.signing.kid,
          }),
        ),
      says: /signed with RS256, which its key is not for/,
    },
    {
      name: 'an ID token',
      token: () => issuer.seal(signJws({ typ: 'JWT' }, issuer.claims(), issuer.signing)),
      says: /Its typ is "JWT" and not at\+jwt/,
    },
    { name: 'no JWS inside', token: () => issuer.seal('text'), says: /What is signed is not whole/ },
  ]

  it.each(CASES)('$name', async ({ token, args, says }) => {
    const { code, stdout } = await inspect(await token(), args)
    const [, wrong = ''] = stdout.split('\nWrong\n')
    expect(wrong.split('\n\nTo know')[0]).toMatch(says)
    expect(code).toBe(1)
  })

  it('an issuer that is not there, or is another', async () => {
    const unreachable = await inspect(issuer.token(), [...KEY, '--issuer', 'http://127.0.0.1:1'])
    expect(unreachable.code).toBe(1)
    expect(unreachable.stdout).toMatch(/The signature was not checked\. http:\/\/127\.0\.0\.1:1.* gave no answer/)
    const slash = await inspect(issuer.token(), [...KEY, '--issuer', `${issuer.issuer}/`])
    expect(slash.stdout).toMatch(/The server calls itself ".*": give exactly that as issuer/)
  })
})

it('prints nothing that a terminal acts on, whatever a token says', async () => {
  const evil = '\u001b[2J\u009b31m\u202egnp.exe\u2066\u0007\n  sub  root\u2028\ufeff'
  const tokens = [
    issuer.token({ sub: evil, [evil]: evil, act: { sub: evil } }),
    withHeader(issuer.token(), { kid: evil, [evil]: evil }),
    issuer.seal(signJws({ typ: evil }, issuer.claims({ iss: evil, aud: evil }), { ...issuer.signing, kid: evil })),
  ]
  for (const token of tokens) {
    const { stdout, stderr } = await inspect(token)
    expect(stdout).toContain('\\u{1b}[2J\\u{9b}31m\\u{202e}gnp.exe')
    expect(`${stdout}${stderr}`).not.toMatch(/[^\P{Cc}\n]|\p{Cf}|\p{Zl}/u)
    expect(stdout).not.toMatch(/^ {2}sub {2}root/m)
  }
  expect(headerOf(tokens[1] ?? '').kid).toBe(evil)
})

it.each([
  { args: ['inspect', 'eyJhbGciOiJFQ0RILUVTIn0.a.b.c.d'], says: 'Give the token on standard input or in a file' },
  { args: ['inspect', 'a', 'b'], says: 'One token at a time' },
  { args: ['inspect', '--issuer', 'login'], says: '--issuer is the URL' },
  { args: ['inspect', '--token', 'x'], says: "Unknown option '--token'" },
])('refuses $args with exit code 2', async ({ args, says }) => {
  const { code, stdout, stderr } = await commandLine(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(says)
})

it.each([
  { args: ['--key', 'nowhere.json'], says: "nowhere.json can't be read" },
  { args: ['--key', 'text.txt'], says: 'text.txt is no JWK' },
])('says which file it cannot use: $args', async ({ args, says }) => {
  const { code, stderr } = await inspect(issuer.token(), args)
  expect(code).toBe(1)
  expect(stderr).toContain(says)
})
