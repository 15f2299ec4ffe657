import { expect, it } from 'vitest'
import { noteKnownKeys } from '../../../src/oauth/known-keys.js'
import { recordingLog } from '../../support/keys.js'
import { apiLike } from '../../support/ports.js'

const API = apiLike('orders')

async function noted(kids: readonly string[], failure?: Error) {
  const told: string[][] = []
  const log = recordingLog()
  const note = async (_api: unknown, named: readonly string[]) => {
    if (failure) throw failure
    told.push([...named])
  }
  await noteKnownKeys(API, kids, { knownKeys: { note }, log })
  return { told, lines: log.lines }
}

it('asks the database nothing for an API that names no key', async () => {
  expect((await noted([])).told).toEqual([])
  expect((await noted(['x'.repeat(65)])).told).toEqual([])
})

it('tells each key once, and passes over names that are too long or too many', async () => {
  expect((await noted(['a', 'b', 'a', 'x'.repeat(65), 'y'.repeat(64)])).told).toEqual([['a', 'b', 'y'.repeat(64)]])
  const [all] = (await noted(Array.from({ length: 90 }, (_, i) => `key-${i}`))).told
  expect(all).toHaveLength(32)
})

it('refuses nobody when it can’t be kept, and says so in the log', async () => {
  const { lines } = await noted(['a'], new Error('gone'))
  expect(lines).toMatchObject([{ level: 'warn', api: 'orders', tenant: API.tenantId, err: { message: 'gone' } }])
})
