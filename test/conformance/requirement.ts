/** What a standard asks, in our own words, and the tests that show it: `file › title`, the title as it stands in the file. */
export type Requirement = {
  /** `RFC6749-5.2-errors`: to be named in a commit or a report. */
  readonly id: string
  readonly source: `${string} §${string}`
  readonly level: 'MUST' | 'SHOULD'
  readonly text: string
  readonly shownBy: readonly string[]
}
