import { expect, test } from 'vitest'
import { type BrowserBench, newSession, openSession, person, unknownId } from '../browser-bench.js'

/** What holds of the sessions of browsers, wherever they are kept. */
export function sessionCases(open: () => Promise<BrowserBench>): void {
  const begun = async () => {
    const bench = await open()
    const { ports, ours } = bench
    const { id, token } = await openSession(bench, ours)
    const find = (one = token) => ports.sessions.find(ours.tenantId, one)
    return { bench, ...bench, ...ports, id, token, find }
  }
  const again = {
    credentialVersion: 1,
    authTime: new Date('2026-11-27T09:00:00.456Z'),
    amr: ['pwd', 'otp'],
    acr: 'gold',
  }

  test('a session is found by its token as it was made, in its tenant alone', async () => {
    const { sessions, ours, theirs, id, token, find } = await begun()
    expect(token).toMatch(/^[\w-]{64}$/)
    const found = await find()
    expect(found).toMatchObject({
      tenantId: ours.tenantId,
      id,
      authTime: new Date('2026-11-27T08:00:00.123Z'),
      amr: ['pwd'],
      acr: undefined,
      user: { id: ours.userId, username: ours.username, name: undefined, credentialVersion: 1 },
    })
    expect(Number(found?.expiresAt) - Number(found?.createdAt)).toBe(43_200_000)
    expect(await sessions.find(theirs.tenantId, token)).toBeUndefined()
  })

  test('a session is not found by its id with another secret, nor by what is no token', async () => {
    const { bench, ours, token, find } = await begun()
    const { token: other } = await openSession(bench, ours)
    const [mine, foreign] = [Buffer.from(token, 'base64url'), Buffer.from(other, 'base64url')]
    const mixed = Buffer.concat([mine.subarray(0, 16), foreign.subarray(16)]).toString('base64url')
    for (const wrong of [
      mixed,
      '',
      token.slice(0, 63),
      `${token}A`,
      `${token}=`,
      token.replace(/.$/, '\0'),
      'ä'.repeat(64),
    ]) {
      expect(await find(wrong), wrong).toBeUndefined()
    }
    expect(await find()).toBeDefined()
  })

  test('a session is made only for an enabled user whose credentials are what was seen, at a live tenant', async () => {
    const make = async (change: (bench: BrowserBench) => Promise<unknown>, overrides = {}) => {
      const bench = await open()
      await change(bench)
      const made = await bench.ports.sessions.make(newSession(bench.ours, overrides), person(bench.ours))
      expect(await bench.audited(bench.ours)).toHaveLength(made.result === 'made' ? 1 : 0)
      return made.result
    }
    const nothing = async () => {}
    expect(await make(nothing)).toBe('made')
    expect(await make(nothing, { credentialVersion: 2 })).toBe('superseded')
    expect(await make(({ disable, ours }) => disable('user', ours))).toBe('superseded')
    expect(await make(({ disable, ours }) => disable('tenant', ours))).toBe('superseded')
    const bench = await open()
    const foreign = newSession(bench.ours, { userId: bench.theirs.userId })
    expect(await bench.ports.sessions.make(foreign, person(bench.ours))).toEqual({ result: 'superseded' })
  })

  test.each<[string, (bench: BrowserBench, id: string) => Promise<unknown>]>([
    ['it was ended', ({ endSession, ours }, id) => endSession(ours, id)],
    ['its user was disabled', ({ disable, ours }) => disable('user', ours)],
    ['its user’s password was changed', ({ changePassword, ours }) => changePassword(ours)],
    ['its tenant was disabled', ({ disable, ours }) => disable('tenant', ours)],
    ['nobody used it for two hours', ({ pass }) => pass(7_201)],
  ])('a session is over once %s, and cannot be renewed', async (_, happens) => {
    const { bench, sessions, ours, id, find } = await begun()
    expect(await find()).toBeDefined()
    await happens(bench, id)
    expect(await find()).toBeUndefined()
    const renewed = await sessions.renew(
      { tenantId: ours.tenantId, id },
      { userId: ours.userId, ...again },
      person(ours),
    )
    expect(renewed).toEqual({ result: 'superseded' })
  })

  test('a session lives on while it is used, and no longer than its lifetime', async () => {
    const { pass, find } = await begun()
    for (let hour = 1; hour < 12; hour++) {
      await pass(3_600)
      expect(await find(), `after ${hour} hours`).toBeDefined()
    }
    await pass(3_601)
    expect(await find()).toBeUndefined()
  })

  test('a renewed session is the same one, with another secret and another sign-in', async () => {
    const { sessions, ours, audited, id, token, find } = await begun()
    const before = await find()
    const renewed = await sessions.renew(
      { tenantId: ours.tenantId, id },
      { userId: ours.userId, ...again },
      person(ours),
    )
    if (renewed.result !== 'renewed') throw new Error(renewed.result)
    expect(await find(token)).toBeUndefined()
    const { credentialVersion: _, ...signIn } = again
    expect(await find(renewed.token)).toEqual({ ...before, ...signIn })
    const subject = { user: ours.userId, session: id }
    expect(await audited(ours)).toEqual([
      { type: 'sign_in.succeeded', subject, detail: {} },
      { type: 'sign_in.succeeded', subject, detail: { renewed: true } },
    ])
  })

  test('a session is renewed by its own user alone, whose credentials are what was seen', async () => {
    const { sessions, ours, theirs, id, find } = await begun()
    const renew = (to: object, session: object = {}) =>
      sessions.renew(
        { tenantId: ours.tenantId, id, ...session },
        { userId: ours.userId, ...again, ...to },
        person(ours),
      )
    expect(await renew({ userId: theirs.userId })).toEqual({ result: 'superseded' })
    expect(await renew({ credentialVersion: 2 })).toEqual({ result: 'superseded' })
    expect(await renew({}, { tenantId: theirs.tenantId })).toEqual({ result: 'superseded' })
    expect(await renew({}, { id: unknownId() })).toEqual({ result: 'superseded' })
    expect(await renew({}, { id: 'x' })).toEqual({ result: 'superseded' })
    expect(await find()).toBeDefined()
  })

  test('of parallel renewals all answer with a token, and one of them fits: who has another signs in again', async () => {
    const { sessions, ours, id, find } = await begun()
    const renewals = await Promise.all(
      Array.from({ length: 8 }, () =>
        sessions.renew({ tenantId: ours.tenantId, id }, { userId: ours.userId, ...again }, person(ours)),
      ),
    )
    const tokens = renewals.flatMap((one) => (one.result === 'renewed' ? [one.token] : []))
    expect(new Set(tokens).size).toBe(8)
    const found = await Promise.all(tokens.map((token) => find(token)))
    expect(found.filter((one) => one !== undefined)).toHaveLength(1)
  })
}
