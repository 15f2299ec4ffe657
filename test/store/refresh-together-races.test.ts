import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grants } from '../../src/oauth/ports.js'
import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import { eventually } from '../support/eventually.js'
import { makeGrant, operator, type Stage, setStage } from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

// Grants that another process refreshes between the moment a statement for several began and the moment it comes to them. Postgres checks such
// a row again; where its partition came from a join, Postgres 18 crashed at the next one, with many partitions at once, with few by chance.

const LOCK = 4711
const DAY = 86_400

describe.each([30, 90, 730])('with months for grants of %d days', (days) => {
  let stage: Stage
  let theirs: Grants
  beforeAll(async () => {
    stage = await setStage()
    theirs = createGrants(stage)
    await stage.pool.query(`CALL maintain_partitions('${days} days', 12)`)
    // Whoever updates the grant that its connection names waits there.
    await stage.pool.query(`
      CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_setting('test.pause', true) = OLD.id::text THEN PERFORM pg_advisory_xact_lock_shared(${LOCK}); END IF;
        RETURN NEW;
      END $$`)
    await stage.pool.query('CREATE TRIGGER pause BEFORE UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION pause()')
  })
  afterAll(() => stage.close())

  const refresh = (store: Grants, grant: Grant) =>
    store.refresh(grant, { generation: 0, grace: 10, place: newPlace() }, operator)

  /** Of a grant this month, and of one in a later month where there is one. */
  const pair = async (rotate: boolean) => [
    await makeGrant(theirs, stage.ours, { rotate }),
    await makeGrant(theirs, stage.ours, { rotate, lifetime: (days - 1) * DAY }),
  ]

  type Cast = {
    readonly rotated: readonly Grant[]
    readonly kept: readonly Grant[]
    readonly untouched: readonly Grant[]
  }

  /** What comes of the grants in that order, when `rotated` and `kept` are refreshed elsewhere while the first of all is written. */
  async function race(order: (cast: Cast) => readonly Grant[]) {
    const slow = await makeGrant(theirs, stage.ours)
    const cast: Cast = { rotated: await pair(true), kept: await pair(false), untouched: await pair(true) }
    const pool = new pg.Pool({ ...stage.database.connection, max: 2, options: `-c test.pause=${slow.id}` })
    const ours = createGrants({ pool })
    const holder = await stage.pool.connect()
    try {
      await holder.query('SELECT pg_advisory_lock($1)', [LOCK])
      const grants = order(cast)
      const outcomes = Promise.all([slow, ...grants].map((grant) => refresh(ours, grant)))
      await eventually(async () => {
        const { rows } = await stage.pool.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
        expect(rows).toHaveLength(1)
      })
      for (const grant of [...cast.rotated, ...cast.kept]) await refresh(theirs, grant)
      await holder.query('SELECT pg_advisory_unlock($1)', [LOCK])
      return (await outcomes).slice(1).map(({ result }) => result)
    } finally {
      holder.release()
      await pool.end()
    }
  }

  test.each<[string, (cast: Cast) => readonly Grant[], readonly string[]]>([
    [
      'one that another has rotated, then others',
      ({ rotated, untouched }) => [...rotated.slice(0, 1), ...untouched],
      ['replayed', 'rotated', 'rotated'],
    ],
    [
      'two, and others between',
      ({ rotated: [a, b], untouched: [c, d] }) => [a, c, b, d] as Grant[],
      ['replayed', 'rotated', 'replayed', 'rotated'],
    ],
    [
      'one that does not rotate, then others',
      ({ kept, untouched }) => [...kept, ...untouched],
      ['rotated', 'rotated', 'rotated', 'rotated'],
    ],
    [
      'all of them, some twice',
      ({ rotated: [a, b], kept: [c], untouched: [d] }) => [a, c, c, b, d, d] as Grant[],
      ['replayed', 'rotated', 'rotated', 'replayed', 'rotated', 'replayed'],
    ],
  ])('%s', async (_, order, expected) => {
    const results = await race(order)
    // Of a token that comes twice, either may be first.
    expect([...results].sort()).toEqual([...expected].sort())
  })
})
