import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveInDns } from '../../../src/outbound/resolve.js'

const A = 1
const AAAA = 28
const NXDOMAIN = 3
const zone: Record<string, Record<number, number[]>> = {
  'both.test': { [A]: [10, 0, 0, 1], [AAAA]: [0x26, 6, ...Array(13).fill(0), 1] },
  'old.test': { [A]: [1, 1, 1, 1] },
  'new.test': { [AAAA]: [0x26, 6, ...Array(13).fill(0), 2] },
}

const asked: string[] = []
const resolver = new Resolver({ timeout: 2000, tries: 2 })

// A name server of one question and one answer. RFC 1035 §4.
const server = createSocket('udp4', (query, { port }) => {
  const end = query.indexOf(0, 12) + 5
  const labels: string[] = []
  for (let at = 12; query[at]; at += (query[at] ?? 0) + 1) {
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)))
  }
  const name = labels.join('.')
  const type = query.readUInt16BE(end - 4)
  asked.push(name)
  const data = zone[name]?.[type]
  const answer = Buffer.concat([query.subarray(0, end), Buffer.from(data ? [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 9] : [])])
  answer.writeUInt16BE(zone[name] ? 0x8180 : 0x8180 + NXDOMAIN, 2)
  answer.fill(0, 6, 12).writeUInt16BE(data ? 1 : 0, 6)
  server.send(data ? Buffer.concat([answer, Buffer.from([0, data.length, ...data])]) : answer, port, '127.0.0.1')
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
  resolver.setServers([`127.0.0.1:${server.address().port}`])
})
afterAll(() => new Promise<void>((resolve) => server.close(resolve)))

test.each([
  { name: 'both.test', addresses: ['10.0.0.1', '2606::1'] },
  { name: 'old.test', addresses: ['1.1.1.1'] },
  { name: 'new.test', addresses: ['2606::2'] },
])('finds the addresses of $name', async ({ name, addresses }) => {
  expect(await resolveInDns(name, resolver)).toEqual(addresses)
})

test('says so when a name does not exist, and asks for it alone, under no other suffix', async () => {
  asked.length = 0
  await expect(resolveInDns('internal', resolver)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(new Set(asked)).toEqual(new Set(['internal']))
})
