import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { createListKeys } from '../../../src/revocation/list-keys.js'
import type { FlipPosition, Flips } from '../../../src/revocation/ports.js'
import { createStatusLists } from '../../../src/revocation/status-lists.js'
import { DEFAULT_TENANT } from '../../support/app.js'

const ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const secret = randomBytes(32)
const keys = createListKeys()(secret)
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The bits of a list in a database in memory, beside the process that publishes them. */
function world() {
  const state = { time: 1_800_000_000, rev: 10, kid: 'k1', signFails: false, flipsFail: false, cutOff: false }
  const counts = { built: 0, read: 0, oldest: 0 }
  const flipped: { index: number; revision: number }[] = []
  const leases: { first: number; size: number; revision: number }[] = []
  const store = {
    find: async (_tenant: string, id: string) =>
      id === ID ? { slot: Math.floor(1_800_000_000 / 3600), list: 0 } : undefined,
    list: async () => [ID],
    async flips(_tenant: string, _name: object, after: FlipPosition): Promise<Flips> {
      counts.read++
      if (state.flipsFail) throw new Error('down')
      const isAfter = (one: FlipPosition) =>
        one.revision > after.revision || (one.revision === after.revision && one.index > after.index)
      const found = flipped.filter(isAfter).sort((a, b) => a.revision - b.revision || a.index - b.index)
      const batch = found.slice(0, 3)
      const indices = Buffer.alloc(4 * batch.length)
      for (const [at, { index }] of batch.entries()) indices.writeUInt32BE(index, 4 * at)
      const gone = leases.filter(({ revision }) => revision > after.revision)
      return {
        indices,
        leases: gone.map(({ first, size }) => [first, size] as const),
        revision: state.rev,
        rest: found.length > 3 ? batch.at(-1) : undefined,
      }
    },
  }
  const lists = createStatusLists({
    store,
    keys: async () => keys,
    now: () => state.time,
    view: {
      judged: async (_tenant, within = Number.POSITIVE_INFINITY) => {
        counts.oldest = Math.max(counts.oldest, within)
        if (state.cutOff) throw new Error('cut off')
        return { rev: state.rev, wide: 0 }
      },
    },
    jwtSigner: {
      keyId: async () => state.kid,
      sign: async (_tenant, header, payload) => {
        if (state.signFails) throw new Error('no key')
        const input = `${encode({ ...header, alg: 'ES256', kid: state.kid })}.${encode(payload)}`
        const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
        return `${input}.${signature.toString('base64url')}`
      },
    },
    onBuilt: () => {
      counts.built++
    },
  })
  const token = async () => {
    const found = await lists.token(DEFAULT_TENANT, ID)
    if (!found) throw new Error('There is no such list.')
    return found
  }
  return {
    state,
    counts,
    lists,
    token,
    flip(...indices: number[]) {
      state.rev++
      for (const index of indices) flipped.push({ index, revision: state.rev })
    },
    flipLease(first: number, size: number) {
      state.rev++
      leases.push({ first, size, revision: state.rev })
    },
    bits: async () => bitsOf((await token()).jws),
    /** As a quarter of a second that went by: the next question looks for changes again. */
    later: () => new Promise((resolve) => setTimeout(resolve, 260)),
  }
}

function bitsOf(jws: string): Buffer {
  const { status_list } = decodeJwt<{ status_list: { lst: string } }>(jws)
  return inflateSync(Buffer.from(status_list.lst, 'base64url'))
}

const setIn = (bits: Buffer) =>
  [...bits].flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) & 1).map((bit) => 8 * at + bit),
  )

describe('a status list token', () => {
  it('says what it is, where it is, how long it may be kept, and when it ends', async () => {
    const { jws } = await world().token()
    expect(decodeProtectedHeader(jws)).toEqual({ alg: 'ES256', kid: 'k1', typ: 'statuslist+jwt' })
    expect(decodeJwt(jws)).toEqual({
      iss: 'https://id.example.com',
      sub: `https://id.example.com/status-lists/${ID}`,
      iat: 1_800_000_000,
      exp: 1_800_000_180,
      ttl: 15,
      aggregation_uri: 'https://id.example.com/status-lists',
      status_list: { bits: 1, lst: expect.stringMatching(/^[\w-]+$/) },
    })
  })

  it('packs its bits as the draft has them: the lowest of a byte first, in ZLIB', async () => {
    const { flip, token, bits } = world()
    // The example of draft-ietf-oauth-status-list §4.1: 1001110111000101 is b9 a3.
    flip(0, 3, 4, 5, 7, 8, 9, 13, 15)
    expect((await bits()).subarray(0, 3).toString('hex')).toBe('b9a300')
    expect(await bits()).toHaveLength(2 ** 20 / 8)
    const { status_list } = decodeJwt<{ status_list: { lst: string } }>((await token()).jws)
    expect(Buffer.from(status_list.lst, 'base64url')[0]).toBe(0x78)
  })

  it('sets every index of a lease, and no other', async () => {
    const { flipLease, bits } = world()
    flipLease(100, 50)
    const expected = Array.from({ length: 50 }, (_, at) => keys.permutation(ID)(100 + at)).sort((a, b) => a - b)
    expect(setIn(await bits())).toEqual(expected)
  })

  it('is compressed once a version, to the same bytes', async () => {
    const token = await world().token()
    expect(brotliDecompressSync(await token.coded('br')).toString()).toBe(token.jws)
    expect(gunzipSync(await token.coded('gzip')).toString()).toBe(token.jws)
    expect(await token.coded('br')).toBe(await token.coded('br'))
  })

  it('of a million tokens with one in a thousand revoked is under 3,000 bytes, and 3.5 KB with br', async () => {
    const { flip, token } = world()
    flip(...Array.from({ length: 1049 }, (_, at) => keys.permutation(ID)(at)))
    const { jws, coded } = await token()
    const { status_list } = decodeJwt<{ status_list: { lst: string } }>(jws)
    expect(Buffer.from(status_list.lst, 'base64url').length).toBeLessThan(3_000)
    expect((await coded('br')).length).toBeLessThan(3_584)
  })
})

describe('the lists of a process', () => {
  it('are read on from where they were read to, in as many answers as it takes', async () => {
    const { flip, bits, later, counts } = world()
    flip(1, 2, 3, 4, 5, 6, 7)
    expect(setIn(await bits())).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(counts.read).toBe(3)
    await later()
    flip(99)
    expect(setIn(await bits())).toEqual([1, 2, 3, 4, 5, 6, 7, 99])
    expect(counts.read).toBe(4)
  })

  it('are signed anew when a bit changed, and else stay the same to the byte', async () => {
    const { flip, token, later, state, counts } = world()
    const first = await token()
    expect(await token()).toBe(first)
    await later()
    // A revocation that is nothing to this list.
    state.rev++
    expect(await token()).toBe(first)
    expect(counts.built).toBe(1)
    await later()
    flip(7)
    expect(await token()).not.toBe(first)
    expect(counts.built).toBe(2)
  })

  it('are looked at four times a second at most, however often they are asked for and changed', async () => {
    const { flip, token, counts } = world()
    await token()
    const before = performance.now()
    for (let asked = 0; asked < 150; asked++) {
      flip(asked)
      await token()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    // Every build but the first began a quarter of a second after the last.
    expect(counts.built - 1).toBeLessThanOrEqual(Math.ceil((performance.now() - before) / 250))
  })

  it('are built once for all who ask meanwhile', async () => {
    const { token, counts } = world()
    const tokens = await Promise.all(Array.from({ length: 50 }, token))
    expect(new Set(tokens).size).toBe(1)
    expect(counts).toMatchObject({ built: 1, read: 1 })
  })

  it('are signed by the new key at once when the key is another', async () => {
    const { token, state } = world()
    await token()
    state.kid = 'k2'
    expect(decodeProtectedHeader((await token()).jws).kid).toBe('k2')
  })

  it('are signed again in time before they expire', async () => {
    const { token, state, counts } = world()
    await token()
    state.time += 61
    expect(decodeJwt((await token()).jws)).toMatchObject({ iat: 1_800_000_061, exp: 1_800_000_241 })
    expect(counts.built).toBe(2)
  })

  it.each(['signFails', 'flipsFail'] as const)('forget no change when they could not be built: %s', async (failure) => {
    const { flip, token, later, state, bits } = world()
    await token()
    await later()
    flip(1, 2, 3, 4, 5)
    state[failure] = true
    await expect(token()).rejects.toThrow()
    state[failure] = false
    expect(setIn(await bits())).toEqual([1, 2, 3, 4, 5])
  })

  it('rest on what Postgres said less than a second ago, with the time until they are looked at again', async () => {
    const { token, counts } = world()
    await token()
    expect(counts.oldest + 0.25).toBeLessThanOrEqual(1)
  })

  it('are told to nobody while this process is cut off', async () => {
    const { token, state } = world()
    await token()
    state.cutOff = true
    await expect(token()).rejects.toThrow('cut off')
  })

  it('end five minutes after their hour, and others are not there', async () => {
    const { lists, state } = world()
    expect(await lists.token(DEFAULT_TENANT, 'BBBBBBBBBBBBBBBBBBBBBB')).toBeUndefined()
    const end = 1_800_000_000 + 3600 + 300
    state.time = end
    expect(await lists.token(DEFAULT_TENANT, ID)).toBeDefined()
    state.time = end + 1
    expect(await lists.token(DEFAULT_TENANT, ID)).toBeUndefined()
  })
})
