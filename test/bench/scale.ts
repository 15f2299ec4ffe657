import { compete, PACES, type Result } from './contest.js'
import { expiry } from './expiry.js'
import { APPS, type Size } from './fill.js'
import { type Filled, openFilled } from './filled.js'
import { contests, UNJUDGED, workOf } from './flat.js'
import type { Bench, Report } from './report.js'
import { rowsAdded } from './rows.js'
import { storage } from './storage.js'

const SMALL: Size = { grants: 10_000, users: 1_000, clients: 100 }
const LARGE: Size = { grants: 10_000_000, users: 1_000_000, clients: 100_000 }
const QUICK: Size = { grants: 100_000, users: 10_000, clients: 1_000 }

/** Whether what a database holds makes anything slower: a server each on a small and on a large one, in turns. */
export async function scale({ quick }: Pick<Bench, 'quick'>): Promise<Report[]> {
  const small = await openFilled(SMALL)
  try {
    const large = await openFilled(quick ? QUICK : LARGE)
    try {
      return await compare(small, large, { quick })
    } finally {
      await large.close()
    }
  } finally {
    await small.close()
  }
}

/** The same of two that are there. */
export async function compare(small: Filled, large: Filled, { quick }: { quick: boolean }): Promise<Report[]> {
  return [
    ...(await storage(small, large, { quick })),
    await rowsAdded(small, quick ? 2_000 : 10_000),
    await flat(small, large, { quick }),
    await expiry(large, { grants: large.size.grants / 10 }),
  ]
}

export async function flat(small: Filled, large: Filled, { quick }: { quick: boolean }): Promise<Report> {
  const works = [await workOf(small, { rich: false }), await workOf(large, { rich: true })] as const
  const all: Result[] = []
  for (const contest of contests(...works, { quick }))
    all.push(...(await compete(contest, PACES[quick ? 'quick' : 'full'])))
  const byCpu = new Map(all.filter(({ by }) => by === 'cpu').map(({ what, against }) => [what, against[0]?.ratio]))
  const found = all.filter(({ by }) => by === 'clock')
  const { users, clients, grants } = large.size
  return {
    title: `A second, of ${small.size.grants} grants and of ${grants}, with ${users} users and ${clients} clients, ${APPS} of which sign users in`,
    columns: ['', 'small', 'large', 'ratio', 'least', 'most', 'by CPU of the server'],
    rows: found.map(({ what, speed, against: [of] }) => [
      what,
      Math.round(of?.speed ?? Number.NaN),
      Math.round(speed),
      of?.ratio ?? Number.NaN,
      of?.least ?? Number.NaN,
      of?.most ?? Number.NaN,
      byCpu.get(what) ?? '',
    ]),
    goals: found
      .filter(({ what }) => !UNJUDGED.has(what))
      .map(({ what, against }) => ({ what: `${what}, large of small`, value: against[0]?.ratio ?? 0, atLeast: 0.9 })),
  }
}
