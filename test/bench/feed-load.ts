import { setTimeout as wait } from 'node:timers/promises'
import type { Actor } from '../../src/oauth/records.js'
import { registerApi } from '../../src/oauth/registration/api.js'
import { newApiCredentials } from '../../src/oauth/registration/credentials.js'
import { createApiRegistry } from '../../src/store/registry/apis.js'
import { issuerAt } from '../support/issuer.js'
import { ENDPOINTS } from './endpoints.js'
import { linesTo } from './http-load.js'
import { latenciesOf, openLoop } from './open-loop.js'
import { type Memory, type ProbedServer, startProbed } from './probe.js'
import type { Bench, Report } from './report.js'
import { revokeStored, revokeToken } from './revoke.js'
import type { Stage } from './stage.js'
import { type Subscriber, subscribe } from './subscribers.js'

const OPERATOR: Actor = { kind: 'operator', id: 'bench' }
type Credentials = { readonly id: string; readonly secret: string }

/** One reader may have 500 streams. */
const OF_A_READER = 250

/** Many who listen, and many who come back at once. */
export async function feedLoad({ quick, stage: open }: Bench): Promise<Report[]> {
  const stage = await open()
  const server = await startProbed(stage)
  const size = quick ? 200 : 1_000
  const readers = await newReaders(stage, Math.ceil(size / OF_A_READER))
  try {
    return [
      await listening({ ...stage, server }, { server, readers, size, revocations: quick ? 10 : 100 }),
      await comingBack({ ...stage, server }, { server, readers, size: quick ? 50 : 100, missed: quick ? 200 : 2_000 }),
    ]
  } finally {
    await server.stop()
  }
}

async function newReaders({ prisma, tenantId, config }: Stage, count: number): Promise<Credentials[]> {
  const registry = createApiRegistry(prisma)
  const made: Credentials[] = []
  for (let n = 0; n < count; n++) {
    const { id, secret, secretHash } = newApiCredentials()
    const settings = registerApi(
      { identifier: `https://reader-${id}.example.com`, scopes: ['read'], format: 'opaque' },
      { issuer: config.publicUrl, maxTokenLifetime: config.maxTokenLifetime },
    )
    const keys = { jwks: undefined, jwksUri: undefined }
    await registry.create(tenantId, { id, settings, keys, secretHash }, OPERATOR)
    made.push({ id, secret })
  }
  return made
}

type Crowd = { readonly server: ProbedServer; readonly readers: readonly Credentials[]; readonly size: number }

async function gather({ server, readers, size }: Crowd, since?: string): Promise<Subscriber[]> {
  const all = Array.from({ length: size }, (_, n) => {
    const reader = readers[n % readers.length]
    if (!reader) throw new Error('Nobody may read the feed.')
    return subscribe(server.url, reader, since)
  })
  while (!all.every(({ joined }) => joined())) await wait(5)
  return all
}

async function listening(stage: Stage, crowd: Crowd & { readonly revocations: number }): Promise<Report> {
  const { server, size, revocations } = crowd
  // What one stream loads once is not counted to each.
  const [first] = await gather({ ...crowd, size: 1 })
  const before = await server.collect()
  const subscribers = await gather(crowd)
  const after = await server.collect()
  const each = (of: keyof Memory) => (after[of] - before[of]) / size / 1000
  const [firsts, lasts]: [number[], number[]] = [[], []]
  const issuer = issuerAt(server.url, stage.issuer)
  for (let n = 0; n < revocations; n++) {
    const { digest, at } = await revokeToken(stage, issuer)
    const heard = await Promise.all(subscribers.map((one) => moment(one, digest)))
    firsts.push(Math.max(0, Math.min(...heard) - at))
    lasts.push(Math.max(...heard) - at)
  }
  for (const one of [...subscribers, ...(first ? [first] : [])]) one.close()
  const row = (what: string, found: number[]) => {
    const { p50, p99, max } = latenciesOf(found)
    return [what, p50, p99, max]
  }
  return {
    title: `${size} subscribers: ${each('heapUsed').toFixed(1)} kB of heap and ${each('rss').toFixed(1)} kB of resident memory each`,
    columns: [`${lasts.length} revocations, from the answer to it, in ms`, 'p50', 'p99', 'max'],
    rows: [row('until the first subscriber has heard', firsts), row('until the last has', lasts)],
    goals: [{ what: 'kB of heap of a subscriber', value: each('heapUsed'), atMost: 30 }],
  }
}

async function moment({ heard }: Subscriber, digest: string): Promise<number> {
  for (;;) {
    for (const [name, at] of heard) if (name.startsWith(`${digest} `)) return at
    await wait(1)
  }
}

/** They were away for so many revocations, and all come back in the same moment. */
async function comingBack(stage: Stage, crowd: Crowd & { readonly missed: number }): Promise<Report> {
  const { server, size, missed } = crowd
  const [scout] = await gather({ ...crowd, size: 1 })
  const since = scout?.cursor()
  scout?.close()
  await Promise.all(Array.from({ length: missed }, (_, n) => revokeStored(stage, `missed ${performance.now()} ${n}`)))
  const tokens = await linesTo(server.url, (await ENDPOINTS['client_credentials']?.(stage)) ?? [])
  const load = { rate: 200, seconds: 3 }
  await openLoop(tokens, load)
  const quiet = await openLoop(tokens, load)
  let seconds = Number.NaN
  const rush = async () => {
    // In the middle of the load.
    await wait(500)
    const began = performance.now()
    const back = await gather(crowd, since)
    seconds = (performance.now() - began) / 1000
    for (const one of back) one.close()
  }
  let crowded = quiet
  const delay = await server.delay(async () => {
    const [found] = await Promise.all([openLoop(tokens, load), rush()])
    crowded = found
  })
  return {
    title: `${size} subscribers that come back at once and have missed ${missed} revocations: all have heard of them after ${seconds.toFixed(2)} s`,
    columns: ['tokens at 200/s', 'p50 ms', 'p99 ms', 'max ms', 'event loop late by, p99 ms', 'max ms'],
    rows: [
      ['before', quiet.p50, quiet.p99, quiet.max, '', ''],
      ['meanwhile', crowded.p50, crowded.p99, crowded.max, delay.p99, delay.max],
    ],
    goals: [],
  }
}
