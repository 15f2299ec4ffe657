import { describe, expect, test } from 'vitest'
import { type BrowserBench, newCode, newTerms, openSession, person, presentCode } from '../browser-bench.js'

const client = ({ clientId }: { clientId: string }) => ({ kind: 'client', id: clientId }) as const

/** What holds of authorization codes, wherever they are kept. */
export function codeCases(open: () => Promise<BrowserBench>): void {
  const redeem = async (bench: BrowserBench, presented: Awaited<ReturnType<typeof presentCode>>, terms = newTerms()) =>
    bench.ports.codes.redeem(presented, terms, client(presented))

  /** A code of a session at the first party of a new bench, presented. */
  const given = async (overrides?: Parameters<typeof presentCode>[2]) => {
    const bench = await open()
    const { id: sessionId } = await openSession(bench, bench.ours)
    const presented = await presentCode(bench, bench.ours, { sessionId, ...overrides })
    const find = () => bench.ports.codes.find(bench.ours.tenantId, presented.code)
    return { bench, ...bench, sessionId, presented, find }
  }

  describe('a code', () => {
    test('is found as it was issued, in its tenant alone', async () => {
      const { ports, ours, theirs, sessionId, presented } = await given()
      const { credentialVersion: _, ...issued } = newCode(ours, { sessionId })
      expect(presented).toMatchObject({ ...issued, state: 'live', grantId: undefined, wide: 0 })
      expect(presented.code).toMatch(/^[\w-]{43}$/)
      expect(await ports.codes.find(theirs.tenantId, presented.code)).toBeUndefined()
      for (const wrong of ['', 'x', '\0', `${presented.code}A`, presented.code.replace(/.$/, '='), 'A'.repeat(43)]) {
        expect(await ports.codes.find(ours.tenantId, wrong), wrong).toBeUndefined()
      }
    })

    test('of no session, nonce, claims and acr is found without them', async () => {
      const nothing = { sessionId: undefined, nonce: undefined, claims: undefined, acr: undefined }
      const { presented } = await given(nothing)
      expect(presented).toMatchObject({ ...nothing, state: 'live', endsAt: undefined })
    })

    test('says when a grant on it must end: with its session, unless it is offline', async () => {
      const { bench, ours, sessionId, presented } = await given()
      const offline = await presentCode(bench, ours, { sessionId, offline: true })
      expect(Number(presented.endsAt)).toBeGreaterThan(0)
      expect(offline).toMatchObject({ endsAt: undefined, offline: true, sessionId })
    })

    test('is issued only while all it rests on is live', async () => {
      const issue = async (change: (bench: BrowserBench, sessionId: string) => unknown, overrides: object = {}) => {
        const bench = await open()
        const { id: sessionId } = await openSession(bench, bench.ours)
        await change(bench, sessionId)
        return (await bench.ports.codes.issue(newCode(bench.ours, { sessionId, ...overrides }))).result
      }
      const nothing = () => {}
      expect(await issue(nothing)).toBe('issued')
      expect(await issue(nothing, { credentialVersion: 2 })).toBe('superseded')
      expect(await issue(({ disable, ours }) => disable('user', ours))).toBe('superseded')
      expect(await issue(({ disable, ours }) => disable('client', ours))).toBe('superseded')
      expect(await issue(({ disable, ours }) => disable('tenant', ours))).toBe('superseded')
      expect(await issue(({ endSession, ours }, id) => endSession(ours, id))).toBe('superseded')
      expect(await issue(({ pass }) => pass(43_201))).toBe('superseded')
      expect(await issue(({ changePassword, ours }) => changePassword(ours), { sessionId: undefined })).toBe(
        'superseded',
      )
      const bench = await open()
      const [mine, foreign] = [await openSession(bench, bench.ours), await openSession(bench, bench.theirs)]
      const { codes } = bench.ports
      const { userId, clientId } = bench.theirs
      expect(await codes.issue(newCode(bench.ours, { sessionId: foreign.id }))).toEqual({ result: 'superseded' })
      expect(await codes.issue(newCode(bench.ours, { userId }))).toEqual({ result: 'superseded' })
      expect(await codes.issue(newCode(bench.ours, { clientId }))).toEqual({ result: 'superseded' })
      expect(await codes.issue(newCode(bench.ours, { sessionId: mine.id }))).toMatchObject({ result: 'issued' })
    })

    test('covers those of its APIs that still live', async () => {
      const { ours, disableApi, find } = await given()
      await disableApi(ours, ours.apis[0] ?? '')
      expect((await find())?.apis).toEqual(ours.apis.slice(1))
    })

    type Happening = [string, string, (bench: BrowserBench, sessionId: string) => Promise<unknown>]
    test.each<Happening>([
      ['expired', 'a minute is over, RFC 6749 §4.1.2', ({ pass }) => pass(60)],
      ['session_over', 'its session was ended', ({ endSession, ours }, id) => endSession(ours, id)],
      ['user_disabled', 'its user was disabled', ({ disable, ours }) => disable('user', ours)],
      ['client_disabled', 'its client was disabled', ({ disable, ours }) => disable('client', ours)],
      ['tenant_disabled', 'its tenant was disabled', ({ disable, ours }) => disable('tenant', ours)],
    ])('is %s once %s, and makes no grant', async (state, _, happens) => {
      const { bench, audited, ours, sessionId, presented, find } = await given()
      await happens(bench, sessionId)
      expect(await find()).toMatchObject({ state, code: presented.code })
      const before = await audited(ours)
      // Judged before, redeemed afterwards: the same.
      expect(await redeem(bench, presented)).toEqual({ result: 'superseded' })
      expect(await audited(ours)).toEqual(before)
      expect(await find()).toMatchObject({ state, grantId: undefined })
    })

    test('of a user whose password was changed makes no grant, with or without a session', async () => {
      const { bench, ours, presented, find, changePassword } = await given()
      const apart = await presentCode(bench, ours)
      await changePassword(ours)
      expect((await find())?.state).toBe('session_over')
      expect((await bench.ports.codes.find(ours.tenantId, apart.code))?.state).toBe('user_disabled')
      expect(await redeem(bench, presented)).toEqual({ result: 'superseded' })
      expect(await redeem(bench, apart)).toEqual({ result: 'superseded' })
    })
  })

  describe('a redemption', () => {
    test('makes the grant that was allowed, and is audited as that', async () => {
      const { bench, ports, ours, audited, sessionId, presented, find } = await given()
      const redeemed = await redeem(bench, presented)
      if (redeemed.result !== 'made') throw new Error(redeemed.result)
      const { grant } = redeemed
      expect(grant).toMatchObject({
        tenantId: ours.tenantId,
        userId: ours.userId,
        clientId: ours.clientId,
        sessionId,
        scope: presented.scope,
        apis: ours.apis,
        claims: presented.claims,
        authTime: presented.authTime,
        amr: ['pwd', 'otp'],
        acr: 'urn:example:gold',
        generation: 0,
        state: 'live',
        rev: presented.rev,
        wide: presented.wide,
      })
      expect(await ports.grants.find(ours.tenantId, grant.id)).toMatchObject({ ...grant, rev: expect.any(Number) })
      expect((await audited(ours)).slice(1)).toEqual([
        {
          type: 'grant.made',
          subject: { user: ours.userId, client: ours.clientId, session: sessionId, grant: grant.id },
          detail: {},
        },
      ])
      expect(await find()).toMatchObject({ state: 'redeemed', grantId: grant.id })
    })

    test('of a code that was used names the grant that it was used for, RFC 6749 §4.1.2', async () => {
      const { bench, ours, pass, disable, presented, find } = await given()
      const first = await redeem(bench, presented)
      const again = { result: 'redeemed', grantId: first.result === 'made' ? first.grant.id : '' }
      expect(await redeem(bench, presented)).toEqual(again)
      // Whatever else has come over it.
      await pass(600)
      await disable('user', ours)
      await disable('client', ours)
      expect(await redeem(bench, presented)).toEqual(again)
      expect(await find()).toMatchObject({ state: 'redeemed', grantId: again.grantId })
    })

    test('by eight at once makes one grant', async () => {
      const { bench, presented } = await given()
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => redeem(bench, presented)))
      const made = outcomes.flatMap((one) => (one.result === 'made' ? [one.grant.id] : []))
      expect(made).toHaveLength(1)
      expect(outcomes.filter((one) => one.result === 'redeemed').map(({ grantId }) => grantId)).toEqual(
        Array.from({ length: 7 }, () => made[0]),
      )
    })

    test('makes a grant that ends with its session, unless it is offline', async () => {
      const { bench, ours, sessionId, presented } = await given()
      const lifetimeOf = async (one: typeof presented, lifetime: number) => {
        const redeemed = await redeem(bench, one, { ...newTerms(), lifetime })
        return redeemed.result === 'made' && Number(redeemed.grant.expiresAt) - Number(redeemed.grant.createdAt)
      }
      const online = await presentCode(bench, ours, { sessionId })
      const offline = await presentCode(bench, ours, { sessionId, offline: true })
      const apart = await presentCode(bench, ours)
      const day = 86_400
      expect(await lifetimeOf(presented, 600)).toBe(600_000)
      const cut = await lifetimeOf(online, 30 * day)
      expect(cut).toBeGreaterThan(43_100_000)
      expect(cut).toBeLessThanOrEqual(43_200_000)
      expect(await lifetimeOf(offline, 30 * day)).toBe(30 * day * 1000)
      expect(await lifetimeOf(apart, 30 * day)).toBe(30 * day * 1000)
    })

    test('makes a grant that the end of its session ends, and a change of password', async () => {
      const { bench, ports, ours, sessionId, presented, endSession, changePassword } = await given()
      const made = [await redeem(bench, presented), await redeem(bench, await presentCode(bench, ours))]
      const states = () =>
        Promise.all(
          made.map(async (one) => 'grant' in one && (await ports.grants.find(ours.tenantId, one.grant.id))?.state),
        )
      expect(await states()).toEqual(['live', 'live'])
      await endSession(ours, sessionId)
      expect(await states()).toEqual(['revoked', 'live'])
      await changePassword(ours)
      expect(await states()).toEqual(['revoked', 'revoked'])
    })

    test('in another tenant finds no code', async () => {
      const { bench, ports, theirs, presented } = await given()
      const foreign = { ...presented, tenantId: theirs.tenantId }
      expect(await ports.codes.redeem(foreign, newTerms(), person(theirs))).toEqual({ result: 'superseded' })
      expect(await redeem(bench, presented)).toMatchObject({ result: 'made' })
    })
  })
}
