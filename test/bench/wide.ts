import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { inflateSync } from 'node:zlib'
import { createOperatorRevocations } from '../../src/store/registry/revocations.js'
import { makeClient } from '../support/fixtures.js'
import { once } from './http-load.js'
import type { Report } from './report.js'
import type { Stage } from './stage.js'
import { clientCredentials } from './token.js'

const POSITIONS = 2 ** 20
const LEASE = 4096

/** The end of a client that has all of a list: until every bit is served, and what others who want tokens notice of it. */
export async function wideRevocation(stage: Stage): Promise<Report> {
  const { pool, prisma, tenantId, server } = stage
  const client = await makeClient(pool, tenantId)
  const url = `${server.url}/status-lists/${await fullList(stage, client.id)}`
  await listAt(url)
  const stop = { yet: false }
  const latencies: { readonly at: number; readonly took: number }[] = []
  const loops = [1, 2].map(async () => {
    while (!stop.yet) {
      const at = performance.now()
      await once(clientCredentials(stage), server.url)
      latencies.push({ at, took: performance.now() - at })
    }
  })
  await wait(2_000)
  const began = performance.now()
  await createOperatorRevocations(prisma).revoke(
    tenantId,
    { kind: 'client', id: client.id },
    { kind: 'operator', id: 'bench' },
  )
  const answered = performance.now()
  let list = await listAt(url)
  while (!list.bits.every((byte) => byte === 0xff)) {
    if (performance.now() - answered > 30_000) throw new Error('The list never had all bits.')
    await wait(20)
    list = await listAt(url)
  }
  const served = performance.now()
  stop.yet = true
  await Promise.all(loops)

  const between = (from: number, to: number) => {
    const took = latencies.filter(({ at }) => at >= from && at < to).map((one) => one.took)
    took.sort((a, b) => a - b)
    return { p99: took[Math.ceil(0.99 * took.length) - 1] ?? Number.NaN, most: took.at(-1) ?? Number.NaN }
  }
  const [before, meanwhile] = [between(0, began), between(began, served)]
  return {
    title: `A client with ${POSITIONS.toLocaleString('en')} live tokens is revoked`,
    columns: ['what', 'value', 'unit'],
    rows: [
      ['the revocation is answered after', answered - began, 'ms'],
      ['all bits are served, after that', served - answered, 'ms'],
      ['the list', list.size, 'bytes'],
      ['the list, with br', list.compressed, 'bytes'],
      ['POST /oauth2/token before, p99', before.p99, 'ms'],
      ['before, at most', before.most, 'ms'],
      ['meanwhile, p99', meanwhile.p99, 'ms'],
      ['meanwhile, at most', meanwhile.most, 'ms'],
    ],
    goals: [],
  }
}

/** A list that one client has leased all of; its id. */
async function fullList({ pool, tenantId }: Stage, clientId: string): Promise<string> {
  const id = randomBytes(16).toString('base64url')
  await pool.query(
    `WITH list AS (
       INSERT INTO lists (tenant_id, slot, number, id, next)
       SELECT $1, slot, coalesce((SELECT max(number) + 1 FROM lists WHERE tenant_id = $1 AND lists.slot = s.slot), 0), $2, ${POSITIONS}
         FROM slot_of(now() + interval '5 minutes') AS s (slot)
       RETURNING slot, number)
     INSERT INTO leases (tenant_id, slot, id, list, first, size, client_id, api_id, kid)
     SELECT $1, slot, gen_random_uuid(), number, n * ${LEASE}, ${LEASE}, $3, 'a', 'k'
       FROM list, generate_series(0, ${POSITIONS / LEASE - 1}) AS n`,
    [tenantId, id, clientId],
  )
  return id
}

async function listAt(url: string) {
  const get = async (coding: string) => {
    const response = await fetch(url, { headers: { 'accept-encoding': coding } })
    if (response.status !== 200) throw new Error(`The list is answered ${response.status}.`)
    return { text: await response.text(), length: Number(response.headers.get('content-length')) }
  }
  const { text } = await get('identity')
  const { length: compressed } = await get('br')
  const payload = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())
  const bits = inflateSync(Buffer.from(payload.status_list.lst, 'base64url'), { maxOutputLength: POSITIONS / 8 })
  return { bits, size: text.length, compressed }
}
