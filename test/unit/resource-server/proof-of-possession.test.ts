import * as oauth from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { jwkThumbprint } from '../../../src/crypto/jwk.js'
import type { DpopOptions } from '../../../src/resource-server/options.js'
import {
  acceptedSchemes,
  createPossessionCheck,
  type Presentation,
} from '../../../src/resource-server/proof-of-possession.js'
import { VerifyError } from '../../../src/resource-server/verify-error.js'
import { changed } from '../../support/changed.js'
import { hashOfToken, newProofKey, signProof } from '../../support/dpop.js'

const START = 1_790_000_040
const TOKEN = 'eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn'
const URL_OF_REQUEST = 'https://api.example.com/orders'
const key = newProofKey()
const other = newProofKey()
const bound = { cnf: { jkt: jwkThumbprint(key.jwk) } }

let count = 0
function proofOf(claims: object = {}, by = key): string {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: by.jwk }
  const jti = `n${count++}`
  return signProof(header, { jti, htm: 'GET', htu: URL_OF_REQUEST, iat: START, ath: hashOfToken(TOKEN), ...claims }, by)
}

function checker(options: DpopOptions = {}) {
  const clock = { now: START }
  const check = createPossessionCheck(options, { now: () => clock.now, clockTolerance: 60 })
  const present = (claims: Parameters<typeof check>[0], presentation: Partial<Presentation>) =>
    check(claims, {
      scheme: 'DPoP',
      token: TOKEN,
      method: 'GET',
      url: URL_OF_REQUEST,
      proof: undefined,
      ...presentation,
    })
  return { clock, present }
}

const OK = { ok: true, nonce: undefined }
const refused = (code: string, reason: string) => ({ ok: false, refusal: { code, reason } })

describe('a token', () => {
  const cases: { name: string; given: [DpopOptions, object, Partial<Presentation>]; expect: object }[] = [
    { name: 'unbound, as Bearer', given: [{}, {}, { scheme: 'Bearer' }], expect: OK },
    {
      name: 'unbound, as Bearer with a proof nobody needs',
      given: [{}, {}, { scheme: 'Bearer', proof: 'x' }],
      expect: OK,
    },
    { name: 'bound, with a proof of its key', given: [{}, bound, { proof: proofOf() }], expect: OK },
    { name: 'bound, where it must be', given: [{ required: true }, bound, { proof: proofOf() }], expect: OK },
    {
      name: 'bound, as Bearer',
      given: [{}, bound, { scheme: 'Bearer' }],
      expect: refused('invalid_token', 'bound_token_as_bearer'),
    },
    {
      name: 'bound, as Bearer with a good proof',
      given: [{}, bound, { scheme: 'Bearer', proof: proofOf() }],
      expect: refused('invalid_token', 'bound_token_as_bearer'),
    },
    {
      name: 'unbound, as DPoP',
      given: [{}, {}, { proof: proofOf() }],
      expect: refused('invalid_token', 'unbound_token_as_dpop'),
    },
    {
      name: 'unbound, where it must be bound',
      given: [{ required: true }, {}, { scheme: 'Bearer' }],
      expect: refused('invalid_token', 'unbound_token'),
    },
    {
      name: 'bound, without a proof',
      given: [{}, bound, {}],
      expect: refused('invalid_dpop_proof', 'proof_missing'),
    },
    {
      name: 'bound, with an empty proof',
      given: [{}, bound, { proof: '' }],
      expect: refused('invalid_dpop_proof', 'proof_malformed'),
    },
    {
      name: 'bound, with a proof of another key',
      given: [{}, bound, { proof: proofOf({}, other) }],
      expect: refused('invalid_token', 'proof_wrong_key'),
    },
    {
      name: 'bound, with a proof for another token',
      given: [{}, bound, { proof: proofOf({ ath: hashOfToken('another') }) }],
      expect: refused('invalid_dpop_proof', 'proof_wrong_token_hash'),
    },
    {
      name: 'bound, with a proof for the JWT inside',
      given: [{}, bound, { proof: proofOf(), token: 'the.inner.jwt' }],
      expect: refused('invalid_dpop_proof', 'proof_wrong_token_hash'),
    },
    {
      name: 'bound, with a proof for another method',
      given: [{}, bound, { proof: proofOf(), method: 'PUT' }],
      expect: refused('invalid_dpop_proof', 'proof_wrong_method'),
    },
    {
      name: 'bound, with a proof for another host',
      given: [{}, bound, { proof: proofOf({ htu: 'https://evil.example/orders' }) }],
      expect: refused('invalid_dpop_proof', 'proof_wrong_url'),
    },
    {
      name: 'bound, with a proof ten seconds early',
      given: [{}, bound, { proof: proofOf({ iat: START + 10 }) }],
      expect: OK,
    },
    {
      name: 'bound, with a proof ten seconds late',
      given: [{}, bound, { proof: proofOf({ iat: START - 10 }) }],
      expect: OK,
    },
    {
      name: 'bound, with a proof a minute and a second late',
      given: [{}, bound, { proof: proofOf({ iat: START - 61 }) }],
      expect: refused('invalid_dpop_proof', 'proof_outside_window'),
    },
    {
      name: 'bound, with the same proof in a wider window',
      given: [{ window: 300 }, bound, { proof: proofOf({ iat: START - 300 }) }],
      expect: OK,
    },
    {
      name: 'bound, with a proof an hour early',
      given: [{ window: 300 }, bound, { proof: proofOf({ iat: START + 3600 }) }],
      expect: refused('invalid_dpop_proof', 'proof_outside_window'),
    },
    {
      name: 'bound to a certificate',
      given: [{}, { cnf: { 'x5t#S256': 'abc' } }, { scheme: 'Bearer' }],
      expect: refused('invalid_token', 'certificate_bound_token'),
    },
    {
      name: 'bound to a key and a certificate',
      given: [{}, { cnf: { ...bound.cnf, 'x5t#S256': 'abc' } }, { proof: proofOf() }],
      expect: refused('invalid_token', 'certificate_bound_token'),
    },
    {
      name: 'bound in a way nobody knows',
      given: [{}, { cnf: { kid: 'abc' } }, { scheme: 'Bearer' }],
      expect: refused('invalid_token', 'unknown_confirmation'),
    },
    {
      name: 'bound to a thumbprint that is a list',
      given: [{}, { cnf: { jkt: [bound.cnf.jkt] } }, { proof: proofOf() }],
      expect: refused('invalid_token', 'unknown_confirmation'),
    },
  ]
  it.each(cases)('is judged $name', async ({ given: [options, claims, presentation], expect: expected }) => {
    expect(await checker(options).present(claims, presentation)).toMatchObject(expected)
  })

  it('is refused with a proof of a forger’s, and the forger learns nothing', async () => {
    const results = await Promise.all(
      ['x', proofOf({ htm: 'PUT' }), `${proofOf()}A`].map((proof) => checker().present(bound, { proof })),
    )
    for (const result of results) expect(result).toMatchObject({ ok: false, refusal: { code: 'invalid_dpop_proof' } })
  })
})

describe('a mistake of the program', () => {
  it('is no refusal', async () => {
    await expect(checker().present(bound, { proof: 7 as unknown as string })).rejects.toThrow(TypeError)
  })
})

describe('a proof', () => {
  it('serves once', async () => {
    const { clock, present } = checker()
    const proof = proofOf()
    expect(await present(bound, { proof })).toEqual(OK)
    const again = refused('invalid_dpop_proof', 'proof_replayed')
    expect(await present(bound, { proof })).toMatchObject(again)
    clock.now += 60
    expect(await present(bound, { proof })).toMatchObject(again)
    clock.now += 1
    expect(await present(bound, { proof })).toMatchObject(refused('invalid_dpop_proof', 'proof_outside_window'))
  })

  it('serves one of many at the same time', async () => {
    const { present } = checker()
    const proof = proofOf()
    const results = await Promise.all(Array.from({ length: 20 }, () => present(bound, { proof })))
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
  })

  it('is not spent by a request that fails for another cause', async () => {
    const { present } = checker()
    const proof = proofOf()
    await present(bound, { proof, method: 'PUT' })
    await present(bound, { proof, url: 'https://api.example.com/users' })
    await present(bound, { proof, token: 'another' })
    await present(bound, { proof: changed(proof) })
    await present({ cnf: { jkt: jwkThumbprint(other.jwk) } }, { proof })
    expect(await present(bound, { proof })).toEqual(OK)
  })

  it('of one key does not spend that of another with the same jti', async () => {
    const { present } = checker()
    expect(await present(bound, { proof: proofOf({ jti: 'same' }) })).toEqual(OK)
    const cnf = { jkt: jwkThumbprint(other.jwk) }
    expect(await present({ cnf }, { proof: proofOf({ jti: 'same' }, other) })).toEqual(OK)
  })

  it('is remembered where the owner says, until it is of no use to anybody', async () => {
    const calls: [string, number][] = []
    const remember = async (proofId: string, expiresAt: number) => {
      calls.push([proofId, expiresAt])
      return calls.length === 1
    }
    const { present } = checker({ remember })
    expect(await present(bound, { proof: proofOf({ jti: 'j', iat: START + 5.5 }) })).toEqual(OK)
    expect(await present(bound, { proof: proofOf({ jti: 'j' }) })).toMatchObject(
      refused('invalid_dpop_proof', 'proof_replayed'),
    )
    expect(calls[0]?.[0]).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(calls[0]?.[1]).toBe(START + 6 + 60 + 60)
    expect(calls[1]?.[0]).toBe(calls[0]?.[0])
  })

  it.each<[string, DpopOptions['remember']]>([
    ['rejects', async () => Promise.reject(new Error('ECONNREFUSED'))],
    [
      'throws',
      () => {
        throw new Error('full')
      },
    ],
  ])('can’t be judged where the memory %s: 503', async (_, remember) => {
    const result = await checker({ ...(remember && { remember }) }).present(bound, { proof: proofOf() })
    expect(result).toMatchObject(refused('temporarily_unavailable', 'replay_unknown'))
    expect(result).toMatchObject({ refusal: { cause: expect.any(Error) } })
  })

  it('is refused where the memory answers with neither yes nor no', async () => {
    const remember = (() => 'OK') as unknown as () => boolean
    expect(await checker({ remember }).present(bound, { proof: proofOf() })).toMatchObject({ ok: false })
  })
})

describe('where a nonce is asked for', () => {
  const nonceOf = (result: object) => (result as { refusal?: { nonce?: string } }).refusal?.nonce

  it('a proof without one is sent back for it, and good with it', async () => {
    const { present } = checker({ nonce: true })
    const first = await present(bound, { proof: proofOf() })
    expect(first).toMatchObject(refused('use_dpop_nonce', 'proof_nonce_missing'))
    const nonce = nonceOf(first)
    expect(await present(bound, { proof: proofOf({ nonce }) })).toEqual(OK)
  })

  it('a proof with one that is over or forged is sent back for the next', async () => {
    const { clock, present } = checker({ nonce: true })
    const nonce = nonceOf(await present(bound, { proof: proofOf() }))
    clock.now += 300
    const late = await present(bound, { proof: proofOf({ nonce, iat: clock.now }) })
    expect(late).toMatchObject(refused('use_dpop_nonce', 'proof_nonce_refused'))
    expect(nonceOf(late)).not.toBe(nonce)
    const forged = await present(bound, { proof: proofOf({ nonce: 'forged', iat: clock.now }) })
    expect(forged).toMatchObject(refused('use_dpop_nonce', 'proof_nonce_refused'))
    expect(nonceOf(forged)).toBe(nonceOf(late))
  })

  it('the next is offered with a good answer when the one used grows old', async () => {
    const { clock, present } = checker({ nonce: true })
    const nonce = nonceOf(await present(bound, { proof: proofOf() }))
    expect(await present(bound, { proof: proofOf({ nonce }) })).toEqual(OK)
    clock.now += 60
    const result = await present(bound, { proof: proofOf({ nonce, iat: clock.now }) })
    expect(result).toMatchObject({ ok: true, nonce: expect.stringMatching(/^[\w-]{30}$/) })
    expect(result).not.toMatchObject({ nonce })
  })

  it('a proof that is not sent back is not spent', async () => {
    const shared = { nonce: 'k7Q2v9ZpXw3LrT8sYb1NcF6hJd4MgE0a' }
    const nonce = nonceOf(await checker(shared).present(bound, { proof: proofOf() }))
    const { present } = checker(shared)
    const jti = 'once'
    expect(await present(bound, { proof: proofOf({ jti }) })).toMatchObject({ ok: false })
    expect(await present(bound, { proof: proofOf({ jti, nonce }) })).toEqual(OK)
  })

  it('every refusal of a proof brings one', async () => {
    const { present } = checker({ nonce: true })
    for (const proof of [undefined, 'x', proofOf({ htm: 'PUT' }), proofOf({}, other)]) {
      expect(nonceOf(await present(bound, { proof }))).toBeDefined()
    }
  })
})

describe('a client that knows nothing of us', () => {
  it('gets through with the nonce it was sent back for, again and again', async () => {
    const keyPair = await oauth.generateKeyPair('ES256')
    const handle = oauth.DPoP({}, keyPair)
    const claims = { cnf: { jkt: await handle.calculateThumbprint() } }
    const check = createPossessionCheck({ nonce: true }, { now: () => Date.now() / 1000, clockTolerance: 60 })
    const statuses: number[] = []
    const api = async (url: string, { method, headers }: { method: string; headers: Record<string, string> }) => {
      const [, token = ''] = headers['authorization']?.split(' ') ?? []
      const verdict = await check(claims, { scheme: 'DPoP', token, method, url, proof: headers['dpop'] })
      const error = verdict.ok ? undefined : new VerifyError(verdict.refusal, { schemes: acceptedSchemes() })
      statuses.push(error?.status ?? 200)
      return new Response(null, error && { status: error.status, headers: error.headers })
    }
    const request = () =>
      oauth.protectedResourceRequest(TOKEN, 'POST', new URL(`${URL_OF_REQUEST}?page=2#top`), undefined, null, {
        DPoP: handle,
        [oauth.customFetch]: api,
      })
    await expect(request()).rejects.toSatisfy(oauth.isDPoPNonceError)
    await request()
    await request()
    expect(statuses).toEqual([401, 200, 200])
  })
})

describe('options', () => {
  it.each([0, -1, 301, 1.5, Number.NaN, '60'])('are refused with a window of %j', (window) => {
    expect(() => checker({ window: window as number })).toThrow(/dpop.window is .*; give whole seconds from 1 to 300/)
  })

  it('are refused with a secret too short', () => {
    expect(() => checker({ nonce: 'short' })).toThrow(/dpop.nonce/)
  })

  it('say which schemes are challenged for', () => {
    expect(acceptedSchemes()).toEqual(['Bearer', 'DPoP'])
    expect(acceptedSchemes({ required: true })).toEqual(['DPoP'])
  })
})
