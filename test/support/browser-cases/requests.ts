import { describe, expect, test } from 'vitest'
import type { BrowserBench } from '../browser-bench.js'

/** What a client may have sent: nothing is lost, the zero that Postgres has no text with included. */
const ODD = { state: 'a\0b\ud800"\\ü🦊', scope: ['openid', ''], deep: { list: [1, null, true] } }

/** What holds of ways through the sign-in and of pushed requests, wherever they are kept. */
export function requestCases(open: () => Promise<BrowserBench>): void {
  const BROWSER = 'a browser'

  describe('a sign-in state', () => {
    const begun = async (overrides: object = {}) => {
      const bench = await open()
      const { tenantId, clientId } = bench.ours
      const states = bench.ports.signInStates
      const id = await states.begin(tenantId, { browser: BROWSER, clientId, state: ODD, lifetime: 600, ...overrides })
      const mine = { id, browser: BROWSER }
      return { bench, ...bench, states, tenantId, clientId, id, mine, find: () => states.find(tenantId, mine) }
    }

    test('is found as it was begun, by its browser and in its tenant alone', async () => {
      const { states, theirs, tenantId, clientId, id, mine, find } = await begun()
      expect(id).toMatch(/^[\w-]{22}$/)
      expect(await find()).toEqual({ state: ODD, version: 0, clientId })
      expect(await states.find(tenantId, { id, browser: 'another' })).toBeUndefined()
      expect(await states.find(tenantId, { id: 'x', browser: BROWSER })).toBeUndefined()
      expect(await states.find(theirs.tenantId, mine)).toBeUndefined()
    })

    test('of no client is on its way to the account’s own page', async () => {
      const { find } = await begun({ clientId: undefined })
      expect(await find()).toMatchObject({ clientId: undefined })
    })

    test('holds 32 KB, and no more', async () => {
      const { bench, states, tenantId, clientId, mine, find } = await begun({ state: { state: 'x'.repeat(32_700) } })
      expect(await find()).toMatchObject({ state: { state: 'x'.repeat(32_700) } })
      const large = { state: 'x'.repeat(32_768) }
      await expect(states.change(tenantId, { ...mine, version: 0, state: large })).rejects.toThrow(RangeError)
      const beginning = { browser: BROWSER, clientId, state: large, lifetime: 600 }
      await expect(bench.ports.signInStates.begin(tenantId, beginning)).rejects.toThrow(RangeError)
    })

    test('is changed by the answer to what it is, not by one to what it was', async () => {
      const { states, tenantId, clientId, mine, find } = await begun()
      const change = (version: number, step: number) => states.change(tenantId, { ...mine, version, state: { step } })
      expect(await change(0, 1)).toBe('changed')
      expect(await change(0, 2)).toBe('superseded')
      expect(await find()).toEqual({ state: { step: 1 }, version: 1, clientId })
      const answers = await Promise.all(Array.from({ length: 8 }, (_, step) => change(1, step)))
      expect(answers.filter((one) => one === 'changed')).toHaveLength(1)
      expect(await find()).toMatchObject({ state: { step: answers.indexOf('changed') }, version: 2 })
    })

    test('is changed and ended by its own browser alone, in its own tenant', async () => {
      const { states, theirs, tenantId, id, mine, find } = await begun()
      const other = { id, browser: 'another' }
      expect(await states.change(tenantId, { ...other, version: 0, state: {} })).toBe('superseded')
      expect(await states.change(theirs.tenantId, { ...mine, version: 0, state: {} })).toBe('superseded')
      expect(await states.end(tenantId, other)).toBe('unknown')
      expect(await states.end(theirs.tenantId, mine)).toBe('unknown')
      expect(await find()).toMatchObject({ state: ODD, version: 0 })
    })

    test('is ended by one of many', async () => {
      const { states, tenantId, mine, find } = await begun()
      const ends = await Promise.all(Array.from({ length: 8 }, () => states.end(tenantId, mine)))
      expect(ends.filter((one) => one === 'ended')).toHaveLength(1)
      expect(await find()).toBeUndefined()
      expect(await states.change(tenantId, { ...mine, version: 0, state: {} })).toBe('superseded')
    })

    test('is over after its lifetime', async () => {
      const { states, pass, tenantId, mine, find } = await begun()
      await pass(599)
      expect(await find()).toBeDefined()
      await pass(1)
      expect(await find()).toBeUndefined()
      expect(await states.change(tenantId, { ...mine, version: 0, state: {} })).toBe('superseded')
      expect(await states.end(tenantId, mine)).toBe('unknown')
    })
  })

  describe('a pushed request', () => {
    const params = { response_type: ['code'], resource: ['https://a.example', 'https://b.example'], state: [ODD.state] }
    const pushed = async () => {
      const bench = await open()
      const { tenantId, clientId } = bench.ours
      const requests = bench.ports.pushedRequests
      const id = await requests.push(tenantId, { clientId, params, lifetime: 60 })
      const mine = { id, clientId }
      return { ...bench, requests, tenantId, id, mine, find: () => requests.find(tenantId, mine) }
    }

    test('is found as it was pushed, by its client and in its tenant alone, RFC 9126 §2.2', async () => {
      const { requests, theirs, tenantId, id, mine, find } = await pushed()
      expect(id).toMatch(/^[\w-]{43}$/)
      expect(await find()).toEqual(params)
      // It may be looked at again: a page is loaded twice.
      expect(await find()).toEqual(params)
      for (const clientId of [theirs.clientId, '', '\0']) {
        expect(await requests.find(tenantId, { id, clientId })).toBeUndefined()
      }
      expect(await requests.find(tenantId, { ...mine, id: `${id}A` })).toBeUndefined()
      expect(await requests.find(theirs.tenantId, mine)).toBeUndefined()
    })

    test('is used by one of many, and then by nobody, RFC 9126 §4', async () => {
      const { requests, theirs, tenantId, id, mine, find } = await pushed()
      expect(await requests.use(tenantId, { id, clientId: theirs.clientId })).toBe('unknown')
      expect(await requests.use(theirs.tenantId, mine)).toBe('unknown')
      const uses = await Promise.all(Array.from({ length: 8 }, () => requests.use(tenantId, mine)))
      expect(uses.filter((one) => one === 'used')).toHaveLength(1)
      expect(await find()).toBeUndefined()
    })

    test('can’t be begun with after its lifetime, and is used all the same by who has begun', async () => {
      const { requests, pass, tenantId, mine, find } = await pushed()
      await pass(59)
      expect(await find()).toBeDefined()
      await pass(1)
      expect(await find()).toBeUndefined()
      expect(await requests.use(tenantId, mine)).toBe('used')
      expect(await requests.use(tenantId, mine)).toBe('unknown')
    })
  })
}
