import { expect, test } from 'vitest'
import { createHostGate } from '../../../src/outbound/host-gate.js'

const never = new AbortController().signal
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('lets so many in for a host, and the next one when one leaves', async () => {
  const gate = createHostGate({ perHost: 2, total: 10, waiting: 10 })
  const [leave] = [await gate.enter('a', never), await gate.enter('a', never)]
  const entered: string[] = []
  const first = gate.enter('a', never).then(() => entered.push('first'))
  gate.enter('a', never).then(() => entered.push('second'))
  await gate.enter('b', never)
  await settled()
  expect(entered).toEqual([])
  leave?.()
  await first
  await settled()
  expect(entered).toEqual(['first'])
})

test('lets so many in over all hosts', async () => {
  const gate = createHostGate({ perHost: 2, total: 3, waiting: 10 })
  const leaves = [await gate.enter('a', never), await gate.enter('b', never), await gate.enter('c', never)]
  const entered: string[] = []
  const fourth = gate.enter('d', never).then(() => entered.push('d'))
  await settled()
  expect(entered).toEqual([])
  leaves[0]?.()
  await fourth
})

test('passes by who waits for a busy host', async () => {
  const gate = createHostGate({ perHost: 1, total: 2, waiting: 10 })
  await gate.enter('a', never)
  const leave = await gate.enter('b', never)
  gate.enter('a', never)
  const other = gate.enter('c', never)
  leave()
  await expect(other).resolves.toBeTypeOf('function')
})

test('turns away who would wait behind too many', async () => {
  const gate = createHostGate({ perHost: 1, total: 9, waiting: 1 })
  await gate.enter('a', never)
  gate.enter('a', never)
  await expect(gate.enter('a', never)).rejects.toMatchObject({ reason: 'host_busy' })
})

test('frees the place of who gives up waiting', async () => {
  const gate = createHostGate({ perHost: 1, total: 9, waiting: 1 })
  const leave = await gate.enter('a', never)
  const impatient = new AbortController()
  const given = gate.enter('a', impatient.signal)
  impatient.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  const next = gate.enter('a', never)
  leave()
  await expect(next).resolves.toBeTypeOf('function')
})
