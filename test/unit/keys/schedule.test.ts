import { describe, expect, it } from 'vitest'
import type { KeyGroup, KeyState, TenantSchedule } from '../../../src/keys/ports.js'
import {
  dueSteps,
  FIRST_KEYS,
  JWKS_MAX_AGE,
  type KeyLifetimes,
  LIST_LIFETIME,
  nextNumber,
  PUBLICATION_LEAD,
  planOf,
} from '../../../src/keys/schedule.js'

const DAY = 86_400
const LIFETIMES = { rotation: 90 * DAY, idle: 7 * DAY }
const START = 1_800_000_000
const date = (seconds: number) => new Date(seconds * 1000)

const key = (about: Partial<KeyState> & Pick<KeyState, 'id'>): KeyState => ({
  purpose: 'access_token',
  algorithm: 'ES256',
  number: undefined,
  status: 'active',
  createdAt: date(START),
  activatesAt: date(START),
  activatedAt: date(START),
  retiredAt: undefined,
  revokedAt: undefined,
  expiresAt: undefined,
  ...about,
})
const tenant = (at: number, keys: readonly KeyState[], about: Partial<TenantSchedule> = {}): TenantSchedule => ({
  tenantId: 't',
  now: date(at),
  maxTokenLifetime: 3600,
  deletedAt: undefined,
  signingAlgorithms: [],
  introspectionAlgorithms: [],
  idTokenAlgorithms: [],
  keys,
  ...about,
})
const SIGNING: KeyGroup = { purpose: 'access_token', algorithm: 'ES256' }
const ofTokens = (steps: readonly object[]) =>
  steps.filter((step) => !('purpose' in step) || step.purpose === 'access_token')

describe('dueSteps', () => {
  it.each([
    {
      name: 'makes the first key active at once',
      at: 0,
      keys: [],
      expect: [{ do: 'create', status: 'active', ...SIGNING }],
    },
    { name: 'does nothing in the middle of a key’s time', at: 30 * DAY, keys: [key({ id: 'a' })], expect: [] },
    {
      name: 'makes the next key a day ahead',
      at: 89 * DAY,
      keys: [key({ id: 'a' })],
      expect: [{ do: 'create', status: 'next', lead: DAY, ...SIGNING }],
    },
    {
      name: 'publishes a late one for its time all the same',
      at: 200 * DAY,
      keys: [key({ id: 'a' })],
      expect: [{ do: 'create', status: 'next', lead: PUBLICATION_LEAD, ...SIGNING }],
    },
    {
      name: 'waits for the time of the next key',
      at: 90 * DAY - 1,
      keys: [key({ id: 'a' }), key({ id: 'b', status: 'next', activatesAt: date(START + 90 * DAY) })],
      expect: [],
    },
    {
      name: 'activates the next key in its time',
      at: 90 * DAY,
      keys: [key({ id: 'a' }), key({ id: 'b', status: 'next', activatesAt: date(START + 90 * DAY) })],
      expect: [{ do: 'activate', id: 'b', keep: 3600 + 600 }],
    },
    {
      name: 'activates the next key before its time when the active one was revoked',
      at: 10 * DAY,
      keys: [
        key({ id: 'a', status: 'retired', revokedAt: date(START + 10 * DAY), retiredAt: date(START + 10 * DAY) }),
        key({ id: 'b', status: 'next', activatesAt: date(START + 90 * DAY) }),
      ],
      expect: [{ do: 'activate', id: 'b', keep: 3600 + 600 }],
    },
    {
      name: 'destroys a retired key in its time',
      at: 91 * DAY,
      keys: [
        key({ id: 'a', status: 'retired', expiresAt: date(START + 91 * DAY) }),
        key({ id: 'b', activatedAt: date(START + 90 * DAY) }),
      ],
      expect: [{ do: 'destroy', id: 'a', keep: 3600 + 600 }],
    },
    {
      name: 'destroys a revoked key once its tokens have expired',
      at: 90 * DAY + 4200,
      keys: [
        key({ id: 'a', status: 'retired', revokedAt: date(START + 90 * DAY), retiredAt: date(START + 90 * DAY) }),
        key({ id: 'b', activatedAt: date(START + 90 * DAY) }),
      ],
      expect: [{ do: 'destroy', id: 'a', keep: 3600 + 600 }],
    },
  ])('$name', ({ at, keys, expect: expected }) => {
    expect(ofTokens(dueSteps(tenant(START + at, keys), LIFETIMES))).toEqual(expected)
  })

  it('makes the keys of algorithms that live APIs ask for', () => {
    const steps = dueSteps(
      tenant(START, [], { signingAlgorithms: ['ES256', 'PS256'], introspectionAlgorithms: ['RS256', 'Ed25519'] }),
      LIFETIMES,
    )
    expect(steps).toHaveLength(FIRST_KEYS.length + 2)
    expect(steps).toContainEqual({ do: 'create', status: 'active', purpose: 'access_token', algorithm: 'PS256' })
  })

  it('makes the keys of algorithms that live clients ask for, once', () => {
    const steps = dueSteps(tenant(START, [], { idTokenAlgorithms: ['Ed25519', 'RS256'] }), LIFETIMES)
    expect(steps).toHaveLength(FIRST_KEYS.length + 1)
    expect(steps).toContainEqual({ do: 'create', status: 'active', purpose: 'id_token', algorithm: 'Ed25519' })
  })

  it('never replaces what pairwise subjects are made with, OpenID Connect Core §8.1', () => {
    const pairwise = key({ id: 'p', purpose: 'pairwise', algorithm: 'HS256' })
    const steps = dueSteps(tenant(START + 10_000 * DAY, [pairwise]), LIFETIMES)
    expect(steps.filter((step) => !('purpose' in step) || step.purpose === 'pairwise')).toEqual([])
  })

  it('only destroys the keys of a deleted tenant, when its last token has expired', () => {
    const keys = [key({ id: 'a' })]
    expect(dueSteps(tenant(START + 4199, keys, { deletedAt: date(START) }), LIFETIMES)).toEqual([])
    expect(dueSteps(tenant(START + 4200, keys, { deletedAt: date(START) }), LIFETIMES)).toEqual([
      { do: 'destroy', id: 'a', keep: 4200 },
    ])
  })
})

describe('planOf', () => {
  it('keeps a retired key of ID tokens for a day: an expired one is a hint at logout', () => {
    expect(planOf('id_token', 3600, LIFETIMES).keep).toBe(DAY + 600)
  })

  it('keeps a retired signing key for the longer of a token’s and a list’s life', () => {
    expect(planOf('access_token', 86_400, LIFETIMES).keep).toBeGreaterThan(86_400)
    expect(planOf('revocations', 60, LIFETIMES).keep).toBeGreaterThan(LIST_LIFETIME)
  })

  it('publishes every signing key for at least twice the JWKS max-age, however short the rotation', () => {
    for (const rotation of [60, 900, DAY, 3650 * DAY]) {
      expect(planOf('access_token', 3600, { ...LIFETIMES, rotation }).lead).toBeGreaterThanOrEqual(2 * JWKS_MAX_AGE)
    }
  })
})

describe('nextNumber', () => {
  const mac = (number: number, made: number) =>
    key({ id: `m${made}`, purpose: 'mac', algorithm: 'HS256', number, createdAt: date(START + made) })

  it.each([
    { name: 'begins with 0', given: [], expect: 0 },
    { name: 'counts on from the newest, not the highest', given: [mac(9, 0), mac(3, 1)], expect: 4 },
    { name: 'wraps after 255', given: [mac(255, 1)], expect: 0 },
    { name: 'passes over those that are taken', given: [mac(0, 0), mac(1, 1), mac(255, 2)], expect: 2 },
    {
      name: 'gives none when all are taken',
      given: Array.from({ length: 256 }, (_, number) => mac(number, number)),
      expect: 'none_free',
    },
  ])('$name', ({ given, expect: expected }) => {
    expect(nextNumber(given, 'mac')).toBe(expected)
  })

  it('gives signing keys none', () => {
    expect(nextNumber([], 'access_token')).toBeUndefined()
  })
})

describe('the life of all keys over months', () => {
  /** Plays the schedule as the store would, every minute for `days`, with outages in which nothing is done. */
  function play(days: number, lifetimes: KeyLifetimes, isOut: (minute: number) => boolean) {
    let keys: KeyState[] = []
    let made = 0
    const minutes: { at: number; keys: readonly KeyState[] }[] = []
    for (let minute = 0; minute < days * 1440; minute++) {
      const at = START + minute * 60
      if (!isOut(minute)) {
        for (const step of dueSteps(tenant(at, keys), lifetimes)) {
          if (step.do === 'create') {
            const { purpose, algorithm, status } = step
            const number = nextNumber(keys, purpose)
            if (number === 'none_free') throw new Error('no number')
            const lead = step.status === 'next' ? step.lead : 0
            const activatedAt = status === 'active' ? date(at) : undefined
            const times = { createdAt: date(at), activatesAt: date(at + lead), activatedAt }
            keys = [...keys, key({ id: `k${made++}`, purpose, algorithm, number, status, ...times })]
          } else if (step.do === 'activate') {
            const next = keys.find(({ id }) => id === step.id)
            keys = keys.map((k) => {
              if (k.id === step.id) return { ...k, status: 'active', activatedAt: date(at) }
              const isOld = k.status === 'active' && k.purpose === next?.purpose && k.algorithm === next.algorithm
              return isOld ? { ...k, status: 'retired', retiredAt: date(at), expiresAt: date(at + step.keep) } : k
            })
          } else {
            keys = keys.filter(({ id }) => id !== step.id)
          }
        }
      }
      minutes.push({ at, keys })
    }
    return minutes
  }

  it.each([
    { name: 'in good times', isOut: () => false },
    { name: 'with outages of a day', isOut: (minute: number) => minute % 5000 > 3000 && minute % 5000 < 4700 },
  ])('leaves no gap $name', ({ isOut }) => {
    const lifetimes = { rotation: 5 * DAY, idle: 2 * DAY }
    const minutes = play(30, lifetimes, isOut)
    const present = minutes.map(({ keys }) => new Set(keys.map(({ id }) => id)))
    const activeAt = (purpose: string) =>
      minutes.map(({ keys }) => keys.find((k) => k.purpose === purpose && k.status === 'active')?.id ?? 'none')
    const gaps: string[] = []
    const used = new Map<string, Set<string>>()
    // In minutes: how long a copy of the JWKS is used that came from a process that heard late of a change.
    const copy = (JWKS_MAX_AGE + 60) / 60
    for (const [purpose, life] of [
      ['access_token', 60],
      ['revocations', 60],
      ['kek', 60],
      ['mac', 2 * 1440],
    ] as const) {
      const active = activeAt(purpose)
      used.set(purpose, new Set(active))
      for (const [minute, id] of active.entries()) {
        const isFirst = minute < copy
        if (!isFirst && !present[minute - copy]?.has(id)) gaps.push(`${purpose} ${id} was used before it was known`)
        for (const later of [1, life / 2, life].map((after) => minute + after)) {
          if (later < minutes.length && !present[later]?.has(id)) gaps.push(`${purpose} ${id} went before what it made`)
        }
      }
    }
    expect(gaps).toEqual([])
    expect(used.get('access_token')?.size).toBeGreaterThanOrEqual(5)
    expect(used.get('kek')?.size).toBeGreaterThan(15)
    // Nothing is kept for ever.
    expect(minutes.at(-1)?.keys.length).toBeLessThan(20)
  })
})
