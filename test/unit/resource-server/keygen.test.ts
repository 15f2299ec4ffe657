import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompactEncrypt, compactDecrypt, importJWK } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { importDecryptionKey } from '../../../src/crypto/decryption-key.js'
import { type EncryptionAlgorithm, parseEncryptionKeys } from '../../../src/crypto/jwk.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { sealAccessToken } from '../../../src/wire/seal.js'
import { commandLine } from './command-line.js'

const folder = mkdtempSync(join(tmpdir(), 'bulla-keygen-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const fresh = () => join(folder, `${++files}.json`)

const CHOICES: { args: string[]; alg: EncryptionAlgorithm; kind: object }[] = [
  { args: [], alg: 'ECDH-ES', kind: { kty: 'OKP', crv: 'X25519' } },
  { args: ['--crv', 'P-256'], alg: 'ECDH-ES', kind: { kty: 'EC', crv: 'P-256' } },
  { args: ['--alg', 'ECDH-ES+A256KW'], alg: 'ECDH-ES+A256KW', kind: { kty: 'OKP', crv: 'X25519' } },
  { args: ['--alg', 'ECDH-ES+A256KW', '--crv=P-256'], alg: 'ECDH-ES+A256KW', kind: { kty: 'EC', crv: 'P-256' } },
  { args: ['--alg', 'RSA-OAEP-256'], alg: 'RSA-OAEP-256', kind: { kty: 'RSA' } },
]

describe.each(CHOICES)('keygen $args', ({ args, alg, kind }) => {
  it('makes a pair that the server seals for and the API opens, and jose too', async () => {
    const out = fresh()
    const { code, stdout, stderr } = await commandLine(['keygen', ...args, '--out', out])
    expect(code).toBe(0)
    const privateJwk = JSON.parse(readFileSync(out, 'utf8'))
    const jwks = JSON.parse(stdout)
    const [publicJwk] = jwks.keys
    expect(publicJwk).toMatchObject({ ...kind, alg, use: 'enc', kid: expect.stringMatching(/^[\w-]{16}$/) })
    expect(stdout + stderr).not.toContain(privateJwk.d)

    const choice = parseEncryptionKeys(jwks, alg)
    if (!choice.ok) throw new Error(choice.reason)
    const sealed = sealAccessToken('a.b.c', { key: choice.key, enc: 'A256GCM' }, { id: 1, key: Buffer.alloc(32, 1) })
    expect(openWithPrivateKey(sealed, [importDecryptionKey(privateJwk, alg)])).toEqual({ inner: 'a.b.c' })

    const encrypted = await new CompactEncrypt(new TextEncoder().encode('text'))
      .setProtectedHeader({ alg, enc: 'A256GCM' })
      .encrypt(await importJWK(publicJwk))
    const { plaintext } = await compactDecrypt(encrypted, await importJWK(privateJwk))
    expect(new TextDecoder().decode(plaintext)).toBe('text')
  })
})

it('gives the private key to its owner alone, and says what is next', async () => {
  const out = fresh()
  const { stderr } = await commandLine(['keygen', '--alg', 'RSA-OAEP-256', '--out', out])
  expect(statSync(out).mode & 0o777).toBe(0o600)
  expect(stderr).toContain(out)
  expect(stderr).toMatch(/admin -- api create .*--alg RSA-OAEP-256 --jwks jwks\.json/)
  expect(stderr).toMatch(/admin -- api set-keys .*--jwks jwks\.json/)
})

it('never overwrites a file', async () => {
  const out = fresh()
  writeFileSync(out, 'the only key')
  const { code, stdout, stderr } = await commandLine(['keygen', '--out', out])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('is there already and stays as it is: name another file with --out.')
  expect(readFileSync(out, 'utf8')).toBe('the only key')
})

it('says where it cannot write', async () => {
  const { code, stderr } = await commandLine(['keygen', '--out', join(folder, 'nowhere', 'key.json')])
  expect(code).toBe(1)
  expect(stderr).toMatch(/can't be written: ENOENT/)
})

it.each([
  { args: ['keygen', '--alg', 'dir'], says: '--alg is ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256.' },
  { args: ['keygen', '--crv', 'P-384'], says: '--crv is X25519 or P-256.' },
  { args: ['keygen', '--alg', 'RSA-OAEP-256', '--crv', 'P-256'], says: '--crv is for ECDH: RSA has no curve.' },
  { args: ['keygen', '--bits', '4096'], says: "Unknown option '--bits'" },
  { args: ['keygen', 'here'], says: "Unexpected argument 'here'" },
  { args: [], says: 'A command is missing.' },
  { args: ['constructor'], says: 'There is no command "constructor".' },
])('refuses $args with exit code 2', async ({ args, says }) => {
  const { code, stdout, stderr } = await commandLine(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(says)
  expect(stderr).toContain('--help')
})

it.each([['--help'], ['keygen', '--help'], ['help']])('explains itself: %s', async (...args) => {
  const { code, stdout, stderr } = await commandLine(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    /keygen[\s\S]*--alg[\s\S]*--crv[\s\S]*--out[\s\S]*inspect[\s\S]*--key[\s\S]*--issuer[\s\S]*--audience/,
  )
})
