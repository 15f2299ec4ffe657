import type pg from 'pg'

type Query = { readonly text: string; readonly values: readonly unknown[] }

/**
 * A pool that notes what it is asked, and by which indexes of a partitioned table each statement finds its rows: with the values it was
 * given, and with the plan that Postgres keeps for all values.
 */
export function watchPlans(pool: pg.Pool, table: string) {
  const asked: Query[] = []
  const watched = {
    query: (query: Query) => {
      asked.push(query)
      return pool.query(query.text, [...query.values])
    },
  }
  const scanned = (rows: { 'QUERY PLAN': string }[]) => {
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    const scans = [...plan.matchAll(/(Seq Scan on|Scan using|Index Scan on) (\w+)/g)].map(
      ([, how, name]) => `${how === 'Seq Scan on' ? 'all of ' : ''}${name}`,
    )
    return [...new Set(scans.filter((name) => name.includes(`${table}_`)))].sort()
  }
  return {
    pool: watched as unknown as pg.Pool,
    /** For each statement that was asked. */
    async indexes(): Promise<string[][]> {
      const found = []
      for (const { text, values } of asked) {
        found.push(scanned((await pool.query(`EXPLAIN ${text}`, [...values])).rows))
      }
      return found
    },
    /** The same, of the plan for all values: every partition is in it, to be left out when it runs. */
    async generic(): Promise<string[][]> {
      const found = []
      for (const { text } of asked) found.push(scanned((await pool.query(`EXPLAIN (GENERIC_PLAN) ${text}`)).rows))
      return found
    },
  }
}
