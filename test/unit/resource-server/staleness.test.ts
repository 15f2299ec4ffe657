import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBasic } from '../../../src/oauth/basic-credentials.js'
import { basicAuthorization } from '../../../src/resource-server/basic-authorization.js'
import { feedAddress, retryAfter } from '../../../src/resource-server/feed-request.js'
import {
  boundOf,
  longestSilence,
  pageTimeout,
  pollInterval,
  reliedOnStream,
  trueAt,
} from '../../../src/resource-server/staleness.js'

describe('the moment at which what was told was true', () => {
  const delay = fc.double({ min: 0, max: 30, noNaN: true })

  it('is never later than it was, whatever the network does and whatever the clocks read', () => {
    const any = fc.double({ min: -1e6, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(
        any,
        any,
        delay,
        delay,
        fc.double({ min: -20, max: 4_000, noNaN: true }),
        (ours, theirs, there, back, polled) => {
          // By true time: asked at 0, taken in at `there`, the database asked at `there + polled`, heard at the earliest after that.
          const truth = there + polled
          const heard = Math.max(0, truth) + back
          const moment = trueAt({ askedAt: ours, openedAt: theirs + there, polledAt: theirs + truth }, ours + heard)
          expect(moment - ours).toBeLessThanOrEqual(truth + 1e-5)
          expect(moment).toBeLessThanOrEqual(ours + heard)
        },
      ),
    )
  })

  it('is as late as it can be said where the way there took no time', () => {
    expect(trueAt({ askedAt: 50, openedAt: 1_000, polledAt: 1_007 }, 60)).toBe(57)
    expect(trueAt({ askedAt: 50, openedAt: 1_000, polledAt: 996 }, 50)).toBe(46)
  })

  it('is not in the future', () => {
    expect(trueAt({ askedAt: 50, openedAt: 1_000, polledAt: 9_999 }, 51)).toBe(51)
  })
})

describe('a bound', () => {
  it.each([
    [0.1, 2],
    [2, 2],
    [5, 5],
    [60, 60],
    [86_400, 60],
  ])('of %d s is taken for %d s', (told, bound) => expect(boundOf(told)).toBe(bound))

  it('leaves time to ask before it is reached', () => {
    for (let bound = 2; bound <= 60; bound += 0.5) {
      expect(pollInterval(bound)).toBeLessThan(bound / 2)
      expect(reliedOnStream(bound)).toBeLessThan(bound)
      expect(pageTimeout(bound)).toBeLessThan(bound)
      // Heartbeats come each second, and are as old as half a second of polling makes them.
      expect(Math.min(longestSilence(bound), reliedOnStream(bound))).toBeGreaterThan(1.5)
    }
  })
})

describe('a request for the feed', () => {
  it('names the keys that are held and the cursor', () => {
    const url = new URL(feedAddress('https://id.example/t/a/revocations', ['k 1', 'k&2'], 'a+b.1'))
    expect(url.origin + url.pathname).toBe('https://id.example/t/a/revocations')
    expect(url.searchParams.getAll('kid')).toEqual(['k 1', 'k&2'])
    expect(url.searchParams.get('since')).toBe('a+b.1')
  })

  it('is no longer than servers read', () => {
    const many = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(64, 'x'))
    const address = feedAddress('https://id.example/revocations', [...many, 'y'.repeat(5_000)], 'c'.repeat(512))
    expect(address.length).toBeLessThan(4_000)
  })

  it('has credentials that the server reads, whatever is in them', () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
    })
    fc.assert(
      fc.property(printable, printable, (id, secret) => {
        expect(parseBasic(basicAuthorization({ id, secret }))).toEqual({ id, secret })
      }),
    )
  })

  it.each([
    [503, '7', 7],
    [429, '3', 3],
    [503, '86400', 30],
    [503, 'Fri, 27 Nov 2026 09:00:00 GMT', undefined],
    [503, '-5', undefined],
    [503, undefined, undefined],
    [500, '7', undefined],
  ])('that is answered %d with Retry-After %s waits %s s', (status, value, seconds) => {
    const headers = new Headers(value === undefined ? {} : { 'retry-after': value })
    expect(retryAfter({ status, headers })).toBe(seconds)
  })
})
