import { describe, expect, test } from 'vitest'
import type { ConsentedScopes } from '../../../src/oauth/browser-ports.js'
import { type BrowserBench, person } from '../browser-bench.js'

/** What holds of what users allowed and of who they are, wherever it is kept. */
export function peopleCases(open: () => Promise<BrowserBench>): void {
  describe('a consent', () => {
    const opened = async () => {
      const bench = await open()
      const { tenantId, userId, clientId } = bench.ours
      const { consents } = bench.ports
      const who = { userId, clientId }
      const remember = (...scopes: [string, string[]][]) =>
        consents.remember(tenantId, { ...who, scopes: new Map(scopes) }, person(bench.ours))
      const find = async (tenant = tenantId) => sorted(await consents.find(tenant, who))
      return { ...bench, consents, who, remember, find }
    }
    const sorted = (scopes: ConsentedScopes) =>
      Object.fromEntries([...scopes].map(([api, names]) => [api, [...names].sort()]))

    test('is nothing to begin with', async () => {
      const { find } = await opened()
      expect(await find()).toEqual({})
    })

    test('adds to what was allowed before, by API, and is audited', async () => {
      const { ours, audited, who, remember, find } = await opened()
      const [one = '', two = ''] = ours.apis
      await remember(['', ['openid', 'email']], [one, ['read']])
      expect(await find()).toEqual({ '': ['email', 'openid'], [one]: ['read'] })
      await remember(['', ['openid', 'profile', 'profile']], [two, ['write']], [one, []])
      expect(await find()).toEqual({ '': ['email', 'openid', 'profile'], [one]: ['read'], [two]: ['write'] })
      const subject = { user: who.userId, client: who.clientId }
      expect(await audited(ours)).toEqual([
        { type: 'consent.given', subject, detail: { scopes: { '': ['openid', 'email'], [one]: ['read'] } } },
        {
          type: 'consent.given',
          subject,
          detail: { scopes: { '': ['openid', 'profile'], [two]: ['write'], [one]: [] } },
        },
      ])
    })

    test('loses nothing that is given at the same time', async () => {
      const { ours, remember, find } = await opened()
      const [one = '', two = ''] = ours.apis
      const names = Array.from({ length: 12 }, (_, index) => `scope-${index}`)
      // In either order: none waits for one that waits for it.
      await Promise.all(
        names.map((name, index) => {
          const both: [string, string[]][] = [
            [one, [name]],
            [two, [name, 'all']],
          ]
          return remember(...(index % 2 === 0 ? both : both.reverse()))
        }),
      )
      expect(await find()).toEqual({ [one]: [...names].sort(), [two]: ['all', ...names].sort() })
    })

    test('is one user’s to one client, in one tenant', async () => {
      const { consents, ours, theirs, who, remember, find } = await opened()
      await remember(['', ['openid']])
      expect(await find(theirs.tenantId)).toEqual({})
      const others = [
        { ...who, clientId: theirs.clientId },
        { ...who, userId: theirs.userId },
      ]
      for (const other of others) expect(await consents.find(ours.tenantId, other)).toEqual(new Map())
    })
  })

  describe('a profile', () => {
    test('is of the user, in their tenant alone', async () => {
      const { ports, ours, theirs } = await open()
      expect(await ports.profiles.find(ours.tenantId, ours.userId)).toEqual({
        id: ours.userId,
        username: ours.username,
        name: undefined,
        email: undefined,
        emailVerified: false,
        claims: {},
        updatedAt: expect.any(Date),
      })
      expect(await ports.profiles.find(theirs.tenantId, ours.userId)).toBeUndefined()
      expect(await ports.profiles.find(ours.tenantId, 'x')).toBeUndefined()
    })

    test('is none of a user who was disabled', async () => {
      const { ports, ours, disable } = await open()
      await disable('user', ours)
      expect(await ports.profiles.find(ours.tenantId, ours.userId)).toBeUndefined()
    })
  })
}
