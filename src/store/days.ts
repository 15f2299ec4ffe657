/**
 * The days in whose partitions something is looked for that is kept by the day it was made and that lives a day at most, in SQL. Spelled
 * as a list of two, by which Postgres leaves the other partitions out.
 */
export const RECENT_DAYS = 'day_of(statement_timestamp()), day_of(statement_timestamp()) - 1'
