import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { signJws } from '../../../src/crypto/jws.js'
import { parsePage, verifyPage } from '../../../src/resource-server/revocation-page.js'
import { heldKeys } from '../../support/fake-feed.js'

const issuer = 'https://id.example.com'
const entry = { k: 'jti', d: 'A'.repeat(22), exp: 1_800_000_300 }
const snapshot = {
  iss: issuer,
  iat: 1_800_000_000,
  cursor: 'abc.1',
  revision: 10,
  max_staleness: 5,
  entries: [entry, { ...entry, r: 3 }],
}
const part = { ...snapshot, since: 'abc.0', after: 5, more: true }
const beat = { ...snapshot, since: 'abc.1', after: 10, polled_at: 12.5, entries: [] }

describe('the claims of a page', () => {
  it.each([
    ['a snapshot', snapshot],
    ['one with more', { ...snapshot, more: true }],
    ['a part', part],
    ['a heartbeat', beat],
    ['the heartbeat of a stream', { ...beat, opened_at: 12.7 }],
    ['a kind of entry that is not known here', { ...snapshot, entries: [{ ...entry, k: 'new' }] }],
  ])('are read of %s', (_, claims) => {
    expect(parsePage(claims)).toMatchObject({ revision: 10, maxStaleness: 5, cursor: 'abc.1' })
  })

  it.each<[string, object]>([
    ['no iat', { ...snapshot, iat: undefined }],
    ['an iat that is text', { ...snapshot, iat: '1800000000' }],
    ['no cursor', { ...snapshot, cursor: undefined }],
    ['a cursor that would end a header', { ...snapshot, cursor: 'abc\r\nx: y' }],
    ['a cursor without end', { ...snapshot, cursor: 'a'.repeat(513) }],
    ['a revision that is no number', { ...snapshot, revision: null }],
    ['a revision below zero', { ...snapshot, revision: -1 }],
    ['a revision that numbers do not hold', { ...snapshot, revision: 2 ** 60 }],
    ['no bound', { ...snapshot, max_staleness: undefined }],
    ['a bound of nothing', { ...snapshot, max_staleness: 0 }],
    ['a bound that is text', { ...snapshot, max_staleness: '5' }],
    ['after without since', { ...snapshot, after: 5 }],
    ['since without after', { ...snapshot, since: 'abc.0' }],
    ['after what it leads to', { ...part, after: 11 }],
    ['more of nothing', { ...part, after: 10 }],
    ['more that is text', { ...part, more: 'true' }],
    ['a heartbeat that begins', { ...beat, since: undefined, after: undefined }],
    ['a heartbeat that leads on', { ...beat, after: 9 }],
    ['a heartbeat with more', { ...beat, more: true }],
    ['a heartbeat with entries', { ...beat, entries: [entry] }],
    ['a moment that is text', { ...beat, polled_at: '12' }],
    ['a moment without a number', { ...beat, polled_at: Number.NaN }],
    ['opened without polled', { ...snapshot, opened_at: 1 }],
    ['no entries', { ...snapshot, entries: undefined }],
    ['entries that are no list', { ...snapshot, entries: { length: 0 } }],
    ['an entry that is none', { ...snapshot, entries: [null] }],
    ['an entry without a kind', { ...snapshot, entries: [{ ...entry, k: 7 }] }],
    ['a digest that is too short', { ...snapshot, entries: [{ ...entry, d: 'A' }] }],
    ['a revision of an entry that is text', { ...snapshot, entries: [{ ...entry, r: '3' }] }],
    ['an entry without an end', { ...snapshot, entries: [{ ...entry, exp: undefined }] }],
  ])('are not read with %s', (_, claims) => {
    expect(parsePage(claims as Record<string, unknown>)).toBeUndefined()
  })

  it('may be anything', () => {
    const member = fc.constantFrom(
      'iat',
      'cursor',
      'revision',
      'since',
      'after',
      'more',
      'max_staleness',
      'polled_at',
      'opened_at',
      'entries',
    )
    fc.assert(
      fc.property(member, fc.jsonValue(), (name, value) => {
        const page = parsePage({ ...beat, opened_at: 1, [name]: value })
        expect(page === undefined || Number.isSafeInteger(page.revision)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a page', async () => {
  const [key, other] = [await generateSigningKey('ES256'), await generateSigningKey('Ed25519')]
  const signed = (claims: object = snapshot, by = key, typ = 'revocations+jwt') => signJws({ typ }, claims, by)

  it('is believed when the issuer signed it', async () => {
    expect(await verifyPage(signed(), { keys: heldKeys(key), issuer })).toMatchObject({ cursor: 'abc.1' })
  })

  it.each([
    ['another issuer', 'wrong_issuer', () => signed({ ...snapshot, iss: `${issuer}/` })],
    ['another type', 'wrong_type', () => signed(snapshot, key, 'statuslist+jwt')],
    ['a token', 'wrong_type', () => signed(snapshot, key, 'at+jwt')],
    [
      'a signature that is not over it',
      'bad_signature',
      () => signed().replace(/\.[^.]+\./, `.${signed(beat).split('.')[1]}.`),
    ],
    ['claims that are none', 'invalid_claims', () => signed({ ...snapshot, entries: 5 })],
    ['no JWS', 'malformed', () => 'x.y'],
    ['more than is read', 'too_large', () => signed({ ...snapshot, pad: 'x'.repeat(2_000_000) })],
  ])('is not with %s', async (_, reason, jws) => {
    await expect(verifyPage(jws(), { keys: heldKeys(key), issuer })).rejects.toMatchObject({ reason })
  })

  it('has a key that is not held asked for, once', async () => {
    const keys = heldKeys(key)
    keys.onRefresh = () => keys.add(other)
    expect(await verifyPage(signed(snapshot, other), { keys, issuer })).toMatchObject({ revision: 10 })
    expect(keys.refreshed).toHaveLength(1)
    const stranger = await generateSigningKey('ES256')
    await expect(verifyPage(signed(snapshot, stranger), { keys, issuer })).rejects.toMatchObject({
      reason: 'unknown_key',
    })
    expect(keys.refreshed).toHaveLength(2)
  })
})
