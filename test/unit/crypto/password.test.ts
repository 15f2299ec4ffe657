import argon2 from 'argon2'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { forkArgon2Child } from '../../../src/crypto/argon2-gate.js'
import {
  createPasswordHasher,
  normalizePassword,
  PasswordQueueFullError,
  PasswordRefusedError,
} from '../../../src/crypto/password.js'

const cost = { memoryKiB: 1024, timeCost: 2, parallelism: 1 }
const hasher = createPasswordHasher({ ...cost, processes: 2, queueLimit: 100 })
const stronger = createPasswordHasher({ ...cost, timeCost: 3, processes: 1, queueLimit: 100 })
afterAll(() => Promise.all([hasher.close(), stronger.close()]))

const reasonOf = (password: string) => {
  try {
    return normalizePassword(password)
  } catch (error) {
    return error instanceof PasswordRefusedError ? { reason: error.reason } : error
  }
}

describe('normalizePassword', () => {
  const cases: { name: string; given: string; expect: unknown }[] = [
    { name: 'an ordinary password as it is', given: 'correct horse', expect: 'correct horse' },
    { name: 'spaces at the ends as they are', given: ' a ', expect: ' a ' },
    { name: 'a decomposed accent composed', given: 'cafe\u0301', expect: 'caf\u00e9' },
    { name: 'full-width letters as ASCII', given: '\uff50\uff57', expect: 'pw' },
    { name: 'nothing refused', given: '', expect: { reason: 'empty' } },
    { name: '1,024 bytes accepted', given: 'a'.repeat(1024), expect: 'a'.repeat(1024) },
    { name: '1,025 bytes refused', given: 'a'.repeat(1025), expect: { reason: 'too_long' } },
    { name: 'bytes, not characters, counted', given: '\u00e9'.repeat(513), expect: { reason: 'too_long' } },
    { name: 'what grows beyond 1,024 bytes refused', given: '\ufdfa'.repeat(100), expect: { reason: 'too_long' } },
    { name: 'what would shrink below it refused', given: 'e\u0301'.repeat(342), expect: { reason: 'too_long' } },
    { name: 'half of a surrogate pair refused', given: 'a\ud83d', expect: { reason: 'malformed' } },
    { name: 'a whole surrogate pair accepted', given: '\ud83d\udd11', expect: '\ud83d\udd11' },
  ]
  test.each(cases)('gives $name', ({ given, expect: expected }) => {
    expect(reasonOf(given)).toEqual(expected)
  })

  test('is idempotent and never returns more than it may', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (given) => {
        const once = reasonOf(given)
        if (typeof once !== 'string') return
        expect(normalizePassword(once)).toBe(once)
        expect(Buffer.byteLength(once)).toBeLessThanOrEqual(1024)
      }),
    )
  })
})

test('hashes with argon2id at the configured cost and a new salt each time', async () => {
  const [one, two] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')])
  expect(one).toMatch(/^\$argon2id\$v=19\$m=1024,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(one).not.toBe(two)
})

test('accepts the password and nothing else', async () => {
  const phc = await hasher.hash('correct horse')
  expect(await hasher.verify('correct horse', phc)).toEqual({ ok: true, rehash: false })
  expect(await hasher.verify('correct horsf', phc)).toEqual({ ok: false, rehash: false })
})

test('accepts every spelling of a password that has the same normal form', async () => {
  const phc = await hasher.hash('cafe\u0301 \uff11')
  expect((await hasher.verify('caf\u00e9 1', phc)).ok).toBe(true)
})

test('tells apart passwords that are long and differ in the last byte', async () => {
  const phc = await hasher.hash(`${'a'.repeat(1023)}b`)
  expect((await hasher.verify(`${'a'.repeat(1023)}b`, phc)).ok).toBe(true)
  expect((await hasher.verify(`${'a'.repeat(1023)}c`, phc)).ok).toBe(false)
})

test('asks for a new hash when the right password was hashed at another cost, and only then', async () => {
  const phc = await hasher.hash('correct horse')
  expect(await stronger.verify('correct horse', phc)).toEqual({ ok: true, rehash: true })
  expect(await stronger.verify('wrong', phc)).toEqual({ ok: false, rehash: false })
})

test('asks for a new hash when the right password was hashed by argon2i', async () => {
  const phc = await argon2.hash('password', { type: argon2.argon2i, memoryCost: 1024, timeCost: 2, parallelism: 1 })
  expect(await hasher.verify('password', phc)).toEqual({ ok: true, rehash: true })
})

test('computes a real hash for an unknown user, through the same gate, and says no', async () => {
  const narrow = createPasswordHasher({ ...cost, processes: 1, queueLimit: 0 })
  const unknown = narrow.verify('correct horse', undefined)
  expect(narrow.stats()).toEqual({ running: 1, queued: 0 })
  await expect(narrow.verify('correct horse', undefined)).rejects.toBeInstanceOf(PasswordQueueFullError)
  expect(await unknown).toEqual({ ok: false, rehash: false })
  await narrow.close()
})

test('gives the process the same work for an unknown user as for a known one', async () => {
  const sent: unknown[] = []
  const startChild = () => {
    const child = forkArgon2Child()
    child.send = new Proxy(child.send, {
      apply: (send, self, [job, ...rest]) => {
        sent.push({ ...job, phc: job.phc.split('$').map((part: string, i: number) => (i < 4 ? part : part.length)) })
        return Reflect.apply(send, self, [job, ...rest])
      },
    })
    return child
  }
  const observed = createPasswordHasher({ ...cost, processes: 1, queueLimit: 0, startChild })
  await observed.verify('wrong', await hasher.hash('correct horse'))
  await observed.verify('wrong', undefined)
  await observed.close()
  expect(sent[1]).toEqual(sent[0])
})

test('refuses what is no password before a process is asked, for known and unknown users alike', async () => {
  const phc = await hasher.hash('correct horse')
  for (const known of [phc, undefined]) {
    await expect(hasher.verify('', known)).rejects.toMatchObject({ reason: 'empty' })
    await expect(hasher.verify('a'.repeat(1025), known)).rejects.toMatchObject({ reason: 'too_long' })
  }
  await expect(hasher.hash('a'.repeat(1025))).rejects.toBeInstanceOf(PasswordRefusedError)
  expect(hasher.stats()).toEqual({ running: 0, queued: 0 })
})
