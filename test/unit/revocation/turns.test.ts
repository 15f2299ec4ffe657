import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { takeTurns } from '../../../src/revocation/turns.js'

/** In which turn of the event loop each wrote, the first being 0, in the order in which they did. */
async function turnsOf(inTurn: (bytes: number) => Promise<void>, sizes: readonly number[]) {
  const wrote: [writer: number, turn: number][] = []
  let turn = 0
  let over = false
  const turning = (async () => {
    for (; !over; turn++) await nextTurn()
  })()
  const write = async (bytes: number, n: number) => {
    await inTurn(bytes)
    wrote.push([n, turn])
  }
  await Promise.all(sizes.map(write))
  over = true
  await turning
  expect(wrote.map(([writer]) => writer)).toEqual([...sizes.keys()])
  return wrote.map(([, at]) => at)
}

describe('writers that take turns', () => {
  it('begin in the order they came, in each turn until their share is used up', async () => {
    expect(await turnsOf(takeTurns(100), [50, 50, 10, 90, 40])).toEqual([0, 0, 1, 1, 2])
  })

  it('have a turn of their own when they are larger than a share, and are never left out', async () => {
    expect(await turnsOf(takeTurns(100), [500, 500, 1])).toEqual([0, 1, 2])
  })

  it('wait for nobody when they are alone', async () => {
    const inTurn = takeTurns(100)
    for (let n = 0; n < 3; n++) {
      let begun = false
      void inTurn(1_000).then(() => {
        begun = true
      })
      await Promise.resolve()
      await Promise.resolve()
      expect(begun).toBe(true)
      await nextTurn()
    }
  })

  it('do not pass those who wait, however little they write', async () => {
    const inTurn = takeTurns(100)
    const order: string[] = []
    const write = async (name: string, bytes: number) => {
      await inTurn(bytes)
      order.push(name)
    }
    const first = [write('a', 100), write('b', 100), write('c', 1)]
    await nextTurn()
    await Promise.all([...first, write('d', 1)])
    expect(order).toEqual(['a', 'b', 'c', 'd'])
  })
})
