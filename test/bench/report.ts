import type { Stage } from './stage.js'

/** What a benchmark may ask of the run it is part of. */
export type Bench = {
  /** Shorter turns and smaller crowds: the same work, its figures less sure. */
  readonly quick: boolean
  /** A server as it is configured when nobody configures anything, opened once for all. */
  readonly stage: () => Promise<Stage>
}

/** What speed is judged by: a value and what it must not fall below or rise above. */
export type Goal = { readonly what: string; readonly value: number } & (
  | { readonly atLeast: number }
  | { readonly atMost: number }
)

/** What a benchmark found: a table, printed as Markdown and kept as JSON. */
export type Report = {
  readonly title: string
  readonly columns: readonly string[]
  /** A cell for each column; numbers are printed with at most three significant digits after the point. */
  readonly rows: readonly (readonly (string | number)[])[]
  readonly goals: readonly Goal[]
}
