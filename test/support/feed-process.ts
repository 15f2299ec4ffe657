import { expect, vi } from 'vitest'
import { createFeed, type Feed } from '../../src/revocation/feed.js'
import { DEFAULT_TENANT } from './app.js'
import { knownAfter, type MemorySink, memorySink } from './events.js'
import { eventually } from './eventually.js'
import { createRevocationStore } from './revocation-store.js'

type Settings = Parameters<typeof createFeed>[1]
const OURS = DEFAULT_TENANT.id
const feeds: Feed[] = []

/** Ends the feeds of a test. */
export async function closeFeeds(): Promise<void> {
  for (const feed of feeds.splice(0)) await feed.close()
}

/** A feed over a list in memory, as one process has it; heartbeats only where a test asks for them. */
export function feedProcess(settings: Settings = {}, store = createRevocationStore(5)) {
  const lags: number[] = []
  const warnings: string[] = []
  let signed = 0
  const feed = createFeed(
    {
      revocations: { ...store, revokeToken: vi.fn(), revokeGrant: vi.fn(), judge: vi.fn() },
      jwtSigner: {
        keyId: async () => 'key-1',
        sign: async (_tenant, _header, payload) => {
          const text = String(payload)
          if (!text.includes('"opened_at":')) signed += 1
          return `e30.${Buffer.from(payload as Uint8Array).toString('base64url')}.c2ln`
        },
      },
      policy: { accessTokenLifetime: 300, grantLifetime: 1, grantIdleLifetime: 1, maxStaleness: 5 },
      now: () => 1_800_000_000.5,
      watch: store.watch,
      log: { warn: (_detail, message) => void warnings.push(message) },
      observeLag: (seconds) => void lags.push(seconds),
    },
    { heartbeat: 3_600_000, ...settings },
  )
  feeds.push(feed)
  const open = async (
    since?: string,
    { tenant = DEFAULT_TENANT, reader = 'api_1', allowed = async () => true, sink = memorySink() } = {},
  ) => {
    const opened = await feed.open({ tenant, reader, since, allowed })
    if (opened === 'reset') return 'reset'
    opened(sink)
    return sink
  }
  /** The same where a stream is expected. */
  const subscribe = async (...args: Parameters<typeof open>): Promise<MemorySink> => {
    const sink = await open(...args)
    if (sink === 'reset') throw new Error('reset')
    return sink
  }
  /** One that is told what comes. */
  const joined = async (...args: Parameters<typeof open>) => {
    const sink = await subscribe(...args)
    await eventually(() => expect(sink.events().at(-1)?.told).not.toHaveProperty('more'))
    const revision = store.append(args[1]?.tenant?.id ?? OURS, 'probe')
    store.poll(args[1]?.tenant?.id ?? OURS)
    await eventually(() => expect(knownAfter(sink.events()).revision).toBeGreaterThanOrEqual(revision))
    return sink
  }
  /** Pages and events for all that were signed; what one stream is greeted with is not among them. */
  return { feed, store, open, subscribe, joined, lags, warnings, signed: () => signed }
}
