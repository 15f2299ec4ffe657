/** What a verifier tells its `log`: `level` as loggers name it, `message` a sentence, and what belongs to it. No token, no secret. */
export type VerifierEvent = {
  readonly level: 'info' | 'warn' | 'error'
  readonly event:
    | 'connected'
    | 'disconnected'
    | 'stale'
    | 'fresh'
    | 'refused'
    | 'keys_changed'
    | 'metadata_refused'
    | 'credentials_refused'
    | 'fetch_failed'
    | 'revocations_refused'
  readonly message: string
  readonly detail?: Readonly<Record<string, unknown>>
}
