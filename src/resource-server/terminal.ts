/** What a command has around it. */
export type Terminal = {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** A file, or standard input. Throws as `readFileSync` does. */
  readonly read: (file: string | undefined) => string
  /** Whether somebody types the standard input. */
  readonly isTerminal: boolean
  /** Seconds since 1970. */
  readonly now: () => number
}

/** 0 done and nothing wrong, 1 something is, 2 the command line is not understood. */
export type ExitCode = 0 | 1 | 2
